/** What an append and a small delta cost a user with a million events, beside one with a thousand at the same server. */
import { runAibrain } from '../aibrain-command.ts';
import type { BenchContext, Benchmark } from '../benchmark.ts';
import { createLongLog, type LongLog, skipRecall } from '../long-log.ts';
import { untilRecallIdle } from '../recall-idle.ts';
import type { Figure } from '../report.ts';
import { alternate, quantile, summarize } from '../statistics.ts';

const fullEvents = { long: 1_000_000, short: 1_000 } as const;
/** Of each kind and round. */
const fullSamples = 200;
const warmUp = 50;
const deltaEvents = 10;
const target = { of: 'ratio', atMost: 1.5 } as const;

interface Round {
  readonly create: number;
  readonly edit: number;
  readonly delta: number;
}

export const growth: Benchmark = {
  name: 'growth',
  async run(context) {
    if (context.ours === null) return [];
    const { ours, cleanup } = context;
    const storage = await context.newStorage();
    const filled = await ours.start(cleanup, storage.place);
    const long = context.sized(fullEvents.long);
    const longLog = await createLongLog(filled, 1);
    await longLog.growTo(long);
    await filled.stop();
    await skipRecall(storage.place);
    const server = await ours.start(cleanup, storage.place);
    await longLog.goOnAt(server);
    const samples = context.sized(fullSamples);
    const measureIdle = async (log: LongLog): Promise<Round> => {
      await untilRecallIdle(server.url);
      await measure(log, warmUp);
      return measure(log, samples);
    };
    const rounds = await alternate<Round>(context.rounds, {
      long: () => measureIdle(longLog),
      // Another one each time: it would not stay short.
      short: async (round) => {
        const log = await createLongLog(server, 2 + round);
        await log.growTo(fullEvents.short);
        const measured = await measureIdle(log);
        log.close();
        return measured;
      },
    });
    longLog.close();
    await server.stop();
    await requireValid(context, storage.place);
    await storage.drop();
    return (['create', 'edit', 'delta'] as const).map((what) => toFigure(what, rounds, long));
  },
};

/** p50 of each, ms. */
async function measure(log: LongLog, samples: number): Promise<Round> {
  const times: Record<keyof Round, number[]> = { create: [], edit: [], delta: [] };
  for (let i = 0; i < samples; i++) {
    for (const kind of ['create', 'edit'] as const) times[kind].push(await log.append(kind));
    times.delta.push(await log.pullLast(deltaEvents));
  }
  return { create: quantile(times.create, 0.5), edit: quantile(times.edit, 0.5), delta: quantile(times.delta, 0.5) };
}

function toFigure(what: keyof Round, rounds: Readonly<Record<string, readonly Round[]>>, long: number): Figure {
  const of = (name: keyof typeof fullEvents) => summarize((rounds[name] ?? []).map((round) => round[what]));
  const title = { create: 'append of a new memory', edit: 'append of a change', delta: `delta of ${deltaEvents}` }[what];
  return {
    name: `growth ${long}, ${title}, p50`,
    unit: 'ms',
    ours: of('long'),
    baselineName: `at ${fullEvents.short}`,
    baseline: of('short'),
    target,
  };
}

/** Whatever was measured on a log that does not verify was measured on something else. */
async function requireValid({ cleanup }: BenchContext, place: Parameters<typeof runAibrain>[1]): Promise<void> {
  const { code, output } = await runAibrain(cleanup, place, 'verify');
  if (code !== 0) throw new Error(`aibrain verify: ${output}`);
}
