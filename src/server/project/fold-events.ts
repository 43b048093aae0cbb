/** A memory from its events, as a device makes it: what an event changed, minus what it lost (SYN-4). */
import type { LogEvent } from '../../core/event.ts';
import type { Cell, MemoryState } from '../../core/merge.ts';
import type { RegisterName } from '../../core/register.ts';

/** @param events of one memory, oldest first, beginning with its first. Null when there are none. */
export function foldEvents(events: readonly LogEvent[]): MemoryState | null {
  let state: MemoryState | null = null;
  for (const event of events) state = foldEvent(state, event);
  return state;
}

function foldEvent(state: MemoryState | null, event: LogEvent): MemoryState {
  const { seq, device, hlc, at, memoryId, change, lost } = event;
  const cells = new Map<RegisterName, Cell>(state?.cells);
  const won = (change?.writes ?? []).filter(({ register }) => !lost.includes(register));
  for (const { register, value } of won) cells.set(register, { value, seq, device, hlc });
  return {
    id: memoryId,
    seq,
    createdAt: state?.createdAt ?? Math.max(0, Math.min(change?.createdAt ?? hlc.ms, at)),
    updatedAt: won.length > 0 ? Math.max(state?.updatedAt ?? 0, hlc.ms) : (state?.updatedAt ?? hlc.ms),
    erased: event.kind === 'erase',
    cells,
    conflicts: [],
  };
}
