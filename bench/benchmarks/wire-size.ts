/** Bytes of a cold sync per memory: binary and deflated frames against the text frames with the same memories. */
import { type Benchmark, createFilledUser, openReadyDevice } from '../benchmark.ts';
import type { DeviceOptions } from '../device.ts';
import type { Figure } from '../report.ts';
import type { OurUser } from '../server-under-test.ts';
import { summarize } from '../statistics.ts';

const fullMemories = 20_000;

export const wireSize: Benchmark = {
  name: 'wire-size',
  run: async (context) => {
    const { ours, cleanup } = context;
    if (ours === null) return [];
    const storage = await context.newStorage();
    const server = await ours.start(cleanup, storage.place);
    const memories = context.sized(fullMemories);
    const { user } = await createFilledUser(server, memories, 7);
    const figures = await compareForms(user, memories);
    await server.stop();
    await storage.drop();
    return figures;
  },
};

async function compareForms(user: OurUser, memories: number): Promise<Figure[]> {
  const json = summarize([await bytesPerMemory(user, memories, { json: true })]);
  const rest = summarize([await restBytesPerMemory(user)]);
  const figure = { unit: 'B', baselineName: 'JSON', baseline: json };
  const binary = summarize([await bytesPerMemory(user, memories, {})]);
  const deflated = summarize([await bytesPerMemory(user, memories, { deflate: true })]);
  return [
    { ...figure, name: `wire-size ${memories}, binary`, ours: binary, target: { of: 'ratio', atMost: 0.45 } },
    { ...figure, name: `wire-size ${memories}, deflate`, ours: deflated, target: { of: 'ours', atMost: 90 } },
    { ...figure, name: `wire-size ${memories}, deflate`, ours: deflated, baselineName: 'REST', baseline: rest, target: null },
  ];
}

async function bytesPerMemory(user: OurUser, memories: number, options: DeviceOptions): Promise<number> {
  const device = await openReadyDevice(user, options);
  await device.untilSeq(memories);
  const bytes = device.bytes / memories;
  device.close();
  return bytes;
}

async function restBytesPerMemory(user: OurUser): Promise<number> {
  const listed = await user.listMemories(100);
  return listed.reduce((bytes: number, memory) => bytes + Buffer.byteLength(JSON.stringify(memory)), 0) / listed.length;
}
