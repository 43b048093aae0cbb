/** How the resident set of a server went: the slope says whether it grows without end. */
import { slopeOf } from '../statistics.ts';
import type { Life, SoakNode } from './node.ts';

export interface RssReport {
  readonly node: string;
  /** Of each process that it was, and at last of all its samples. */
  readonly lives: readonly RssOfLife[];
  readonly overall: RssOfLife;
}

interface RssOfLife {
  readonly samples: number;
  readonly seconds: number;
  readonly minMegabytes: number;
  readonly maxMegabytes: number;
  /** MB a minute by least squares, without the first minute of a process, in which it fills its caches; null: it did not live longer. */
  readonly slope: number | null;
  /** At its start and after each minute: the form of the curve, which a slope does not tell. */
  readonly megabytesByMinute: readonly number[];
  readonly endedByItself: boolean;
}

const warmUpMs = 60_000;

export function reportRss({ name, lives }: Pick<SoakNode, 'name' | 'lives'>): RssReport {
  return { node: name, lives: lives.map((life) => describe([life])), overall: describe(lives) };
}

function describe(lives: readonly Life[]): RssOfLife {
  const all = lives.flatMap(({ samples }) => samples);
  const settled = lives.flatMap(({ samples }) => samples.filter(({ atMs }) => atMs - (samples[0]?.atMs ?? 0) >= warmUpMs));
  const megabytes = all.map((sample) => sample.megabytes);
  const round = (value: number): number => Math.round(value * 100) / 100;
  const slope = slopeOf(settled.map(({ atMs, megabytes: y }) => ({ x: atMs / 60_000, y })));
  return {
    samples: all.length,
    seconds: Math.round(((all.at(-1)?.atMs ?? 0) - (all[0]?.atMs ?? 0)) / 1_000),
    minMegabytes: all.length === 0 ? 0 : round(Math.min(...megabytes)),
    maxMegabytes: all.length === 0 ? 0 : round(Math.max(...megabytes)),
    slope: slope === null ? null : round(slope),
    megabytesByMinute: lives.flatMap(({ samples }) => byMinute(samples)).map(round),
    endedByItself: lives.some(({ endedByItself }) => endedByItself),
  };
}

function byMinute(samples: Life['samples']): readonly number[] {
  const start = samples[0]?.atMs ?? 0;
  const minuteOf = (index: number): number => Math.floor(((samples[index]?.atMs ?? 0) - start) / 60_000);
  return samples.filter((_, index) => index === 0 || minuteOf(index) > minuteOf(index - 1)).map(({ megabytes }) => megabytes);
}
