/** `npm run demo`: two devices edit the same memories offline and come back. README.md, one folder up, says what it shows. */
import { parseArgs } from 'node:util';
import { comeBack, editOffline } from './act-offline.ts';
import { bringIn, meet } from './act-online.ts';
import { explainOutcome, keepLoser, showConflicts } from './act-outcome.ts';
import { compareAll, verifyChain } from './act-proof.ts';
import { type Cleanup, createCleanup } from './cleanup.ts';
import { type Dataset, findDataset, readDataset, sample } from './dataset.ts';
import { createTerminal, type Terminal } from './terminal.ts';

const usage = `npm run demo -- [--data FILE | --small]
  --data FILE   JSON: {"conversations": [{"id", "speakers": [], "facts": [{"text"}]}, …]}, of which two are taken
  --small       twenty memories of the demo's own, also where the conversations are there`;

async function play(terminal: Terminal, cleanup: Cleanup, dataset: Dataset): Promise<void> {
  const startedAt = performance.now();
  terminal.line(terminal.paint('bold', 'AIBrain: two devices edit the same memories offline, and agree afterwards\n'));
  const cast = await meet(terminal, cleanup);
  const parted = await editOffline(cast, await bringIn(cast, dataset));
  const ops = await comeBack(cast, parted);
  await explainOutcome(cast, parted.scenes, ops);
  const conflicts = await showConflicts(cast, parted.scenes, ops);
  await keepLoser(cast, parted.scenes, conflicts);
  await compareAll(cast, cleanup);
  await verifyChain(cast);
  const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1);
  terminal.line(`Done in ${seconds} s. Look next at examples/README.md (how it works), docs/PROTOCOL.md (the rules),`);
  terminal.line('and npm start (a server that stays).');
}

/** Ctrl-C: what was begun is undone, and the process ends as one that a signal ended. */
function undoOnSignal(cleanup: Cleanup): AbortSignal {
  const interrupted = new AbortController();
  const codeBySignal = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;
  for (const [signal, code] of Object.entries(codeBySignal)) {
    process.once(signal, () => {
      interrupted.abort();
      void cleanup.runAll().finally(() => process.exit(code));
    });
  }
  return interrupted.signal;
}

function chooseDataset(args: readonly string[]): Dataset {
  const { values } = parseArgs({ args: [...args], options: { data: { type: 'string' }, small: { type: 'boolean' } } });
  if (values.small === true) return sample;
  return values.data === undefined ? findDataset() : readDataset(values.data);
}

async function main(args: readonly string[]): Promise<void> {
  const cleanup = createCleanup();
  const terminal = createTerminal(process.stdout, process.env);
  const interrupted = undoOnSignal(cleanup);
  try {
    await play(terminal, cleanup, chooseDataset(args));
  } catch (error) {
    // What stops with Ctrl-C fails, and that is no news.
    if (interrupted.aborted) return;
    const isUsage = error instanceof TypeError && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS');
    console.error(terminal.paint('red', `The demo failed: ${error instanceof Error ? error.message : String(error)}`));
    if (isUsage) console.error(usage);
    process.exitCode = 1;
  } finally {
    await cleanup.runAll();
  }
}

await main(process.argv.slice(2));
