/** A plan as it is written: with what it took for granted. */
import type { MemoryId } from '../../core/ids.ts';
import type { DeviceNames } from '../project/memory-rows.ts';
import type { UserPlan } from './user-plan.ts';

export interface GuardedPlan {
  readonly plan: UserPlan;
  /** Memories that the plan took for new without having read. */
  readonly presumedNew: readonly MemoryId[];
  readonly names: DeviceNames;
}
