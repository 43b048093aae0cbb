/**
 * A device as a process of its own: `device.js <device id> <ms that its clock is ahead>`. It takes orders over the IPC
 * channel of its parent, and ends when the channel does.
 */
import { type DeviceId, type MemoryId, parseId } from '../../src/core/ids.ts';
import type { Memory } from '../../src/core/memory.ts';
import { Replica } from '../../src/sync/replica.ts';
import type { OutboxOp } from '../../src/sync/replica-change.ts';
import { contentDigest } from './content-digest.ts';
import { DeviceConnection } from './device-connection.ts';
import type { AnswerMessage, Edit, Holding, OrderMessage, OrderName, Orders } from './device-orders.ts';

type Handlers = { readonly [Name in OrderName]: (argument: Orders[Name]['argument']) => Promise<Orders[Name]['answer']> };

function createHandlers(device: DeviceId, aheadMs: number): Handlers {
  const replica = new Replica(device);
  const now = (): number => Date.now() + aheadMs;
  const connection = new DeviceConnection(replica, now);
  return {
    connect: (argument) => connection.connect(argument),
    disconnect: async () => {
      await connection.disconnect();
      return null;
    },
    write: async (edits) => {
      const ops = edits.map(({ memoryId, change }: Edit): OutboxOp => replica.write(memoryId, change, now()));
      connection.flush();
      return ops;
    },
    reach: async (seq) => {
      await connection.until(() => replica.outbox.length === 0 && replica.cursor >= seq);
      return hold(replica, connection);
    },
    view: async (id: MemoryId): Promise<Memory | null> => replica.view(id),
    events: async (after) => connection.events.filter(({ seq }) => seq > after),
  };
}

function hold(replica: Replica, { serverState, wireBytes }: DeviceConnection): Holding {
  const { cursor, stateHash, rows } = replica;
  const live = [...rows.values()].filter(({ deleted }) => !deleted);
  return { cursor, stateHash, server: serverState, contentDigest: contentDigest(live), memories: live.length, wireBytes };
}

async function answer(handlers: Handlers, { id, name, argument }: OrderMessage): Promise<AnswerMessage> {
  // A message says which order it is only at run time; `DeviceHandle` has checked that name and argument belong together.
  const handler = handlers[name] as (argument: unknown) => Promise<Orders[OrderName]['answer']>;
  try {
    return { id, answer: await handler(argument) };
  } catch (error) {
    return { id, error: error instanceof Error ? error.message : String(error) };
  }
}

function run([id, aheadMs]: readonly string[]): void {
  const device = parseId<DeviceId>(id);
  if (device === null || process.send === undefined) throw new Error('device.js is started by the demo');
  const handlers = createHandlers(device, Number(aheadMs));
  process.on('message', (order: OrderMessage) => {
    void answer(handlers, order).then((message) => process.send?.(message));
  });
  process.on('disconnect', () => process.exit());
  // Ctrl-C reaches the whole group; the parent ends its devices in order.
  process.on('SIGINT', () => undefined);
}

run(process.argv.slice(2));
