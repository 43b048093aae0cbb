/** Who won and why, what is kept of the losers, and how one of them is brought back. */
import type { MemoryId } from '../../src/core/ids.ts';
import type { Conflict, ConflictSide } from './api.ts';
import { type Cast, settle } from './cast.ts';
import type { Scene } from './scenes.ts';
import { beside } from './terminal.ts';
import { judge, type LoggedOp, type Verdict } from './verdicts.ts';
import { describeMemory, describeOutcome, describeReason, describeRegister, stampLegend } from './wording.ts';

export function explainOutcome({ terminal }: Cast, scenes: readonly Scene[], ops: readonly LoggedOp[]): Promise<void> {
  return terminal.step('Who won each register, and why', async () => {
    const lines = scenes.flatMap((scene) => explainScene(terminal.paint, scene, ops));
    return { result: undefined, lines: [...stampLegend.map((line) => terminal.paint('dim', line)), ...lines] };
  });
}

function explainScene(paint: Cast['terminal']['paint'], { name, memoryId }: Scene, ops: readonly LoggedOp[]): string[] {
  const verdicts = judge(ops, memoryId);
  if (verdicts.length === 0) return [uncontested(name, memoryId, ops)];
  return verdicts.flatMap((verdict) => {
    const outcome = paint(isConflict(verdict) ? 'yellow' : 'green', describeOutcome(verdict));
    return [`${name}  ${verdict.register}: ${outcome}`, ...describeReason(verdict).map((line) => `   ${line}`)];
  });
}

const isConflict = ({ reason }: Verdict): boolean => reason === 'stamp' || reason === 'delete';

/** Each register is decided for itself (MRG-3), so writes of different ones never meet. */
function uncontested(name: string, memoryId: MemoryId, ops: readonly LoggedOp[]): string {
  const ofMemory = ops.filter(({ op }) => op.memoryId === memoryId);
  const isNew = ofMemory.some(({ event }) => event.kind === 'create');
  if (isNew) return `${name}  new: only the ${ofMemory[0]?.by} wrote it`;
  const writers = ofMemory.map(({ by, op }) => `${op.change.writes.map(({ register }) => register).join(', ')} by the ${by}`);
  return `${name}  ${writers.join(', ')}: different registers, so both stand`;
}

/** @throws Error when a value that lost is not among them. */
export function showConflicts(
  { terminal, api, laptop }: Cast,
  scenes: readonly Scene[],
  ops: readonly LoggedOp[],
): Promise<readonly Conflict[]> {
  return terminal.step('The conflicts kept, as GET /api/v1/conflicts tells them', async () => {
    const conflicts = await api.conflicts(laptop.token, 'open');
    for (const { name, memoryId } of scenes) {
      for (const { register } of judge(ops, memoryId).filter(isConflict)) {
        const isKept = conflicts.some((conflict) => conflict.memoryId === memoryId && conflict.register === register);
        if (!isKept) throw new Error(`what lost in ${name} (${register}) is not among the conflicts`);
      }
    }
    const byScene = scenes.flatMap(({ memoryId }) => conflicts.filter((conflict) => conflict.memoryId === memoryId));
    const lines = byScene.flatMap(({ memoryId, register, winner, loser }) => [
      `${sceneName(scenes, memoryId)}  ${register}`,
      `   ${beside('won', describeSide(register, winner))}`,
      `   ${beside('lost', describeSide(register, loser))}`,
    ]);
    return { result: conflicts, lines };
  });
}

const sceneName = (scenes: readonly Scene[], id: MemoryId): string => scenes.find(({ memoryId }) => memoryId === id)?.name ?? '?';

const describeSide = (register: string, { device, value }: ConflictSide): string =>
  `${device.name.padEnd(6)}  ${describeRegister(register, value)}`;

/** @throws Error when the conflict is not there, or a device does not show the value that was chosen. */
export function keepLoser(cast: Cast, scenes: readonly Scene[], conflicts: readonly Conflict[]): Promise<void> {
  const { terminal, api, laptop, phone } = cast;
  return terminal.step('One decision: the losing content of A is kept after all', async () => {
    const conflict = conflicts.find(({ register, memoryId }) => register === 'content' && sceneName(scenes, memoryId) === 'A');
    if (conflict === undefined) throw new Error('the content that lost in A is not among the conflicts');
    const { laptop: before } = await settle(cast);
    const startedAt = performance.now();
    await api.resolve(phone.token, conflict.id, 'loser');
    await settle(cast, before.cursor + 1);
    const tookMs = Math.round(performance.now() - startedAt);
    const lines = [
      `POST /api/v1/conflicts/${conflict.id}/resolve {"keep": "loser"}`,
      `a new event, on both devices ${tookMs} ms after the request:`,
    ];
    for (const device of [laptop, phone]) {
      const memory = await device.ask('view', conflict.memoryId);
      if (memory?.content !== conflict.loser.value) throw new Error(`the ${device.name} does not show the content that was kept`);
      lines.push(beside(device.name, describeMemory(memory)));
    }
    const open = await api.conflicts(laptop.token, 'open');
    return { result: undefined, lines: [...lines, `open conflicts now: ${open.length}`] };
  });
}
