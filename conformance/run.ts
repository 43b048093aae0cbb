/** `npm run conformance -- --url http://…`: whether a server keeps what docs/PROTOCOL.md promises. */
import { checks } from './checks.ts';
import { type KitOptions, parseOptions, usage } from './options.ts';
import { countResults, formatResult, formatSummary } from './report.ts';
import { runChecks } from './run-checks.ts';

const options = readOptions();
if (options !== null) process.exitCode = await run(options);

async function run({ only, isSlow, isJson, ...options }: KitOptions): Promise<number> {
  const chosen = checks.filter(({ rules }) => only === null || rules.some((rule) => only.has(rule)));
  const results = await runChecks(
    chosen.filter((check) => isSlow || !check.isSlow),
    { ...options, onWait: (seconds) => console.error(`(the server asks to wait ${seconds} s before the next user)`) },
    (result) => {
      if (!isJson) console.log(formatResult(result));
    },
  );
  const counts = countResults(results);
  if (isJson) console.log(JSON.stringify({ url: options.url, ...counts, results }, null, 2));
  else console.log(`\n${formatSummary(results)}`);
  return counts.failed > 0 ? 1 : 0;
}

function readOptions(): KitOptions | null {
  try {
    return parseOptions(process.argv.slice(2));
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n${usage}`);
    process.exitCode = 2;
    return null;
  }
}
