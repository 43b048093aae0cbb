import type { BenchContext } from '../benchmark.ts';
import type { Contestant } from '../contestant.ts';
import type { OurUser } from '../server-under-test.ts';

export interface ScalingContext extends Pick<BenchContext, 'cleanup' | 'newStorage' | 'sized'> {
  readonly ours: Contestant<OurUser>;
  /** Shows a point as soon as it is measured. */
  readonly log: (point: object) => void;
}
