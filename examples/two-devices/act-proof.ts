/** That everybody holds the same, and that the log was not changed. */
import { type Cast, type Holdings, settle } from './cast.ts';
import type { Cleanup } from './cleanup.ts';
import { contentDigest } from './content-digest.ts';
import { startDevice } from './device-handle.ts';
import { beside } from './terminal.ts';

interface Row {
  readonly who: string;
  readonly stateHash: string;
  readonly contentDigest: string;
  readonly memories: number;
}

/** @throws Error when anything differs. */
export function compareAll(cast: Cast, cleanup: Cleanup): Promise<void> {
  const { terminal } = cast;
  return terminal.step('Laptop, phone, server, and a tablet that begins from nothing, hold the same', async () => {
    const held = await settle(cast);
    const tablet = await bootstrap(cast, cleanup);
    const rows: Row[] = [{ who: 'laptop', ...held.laptop }, { who: 'phone', ...held.phone }, await askServer(cast, held), tablet];
    const lines = [beside('', 'state hash         content            memories'), ...rows.map(describeRow)];
    const [first] = rows;
    const odd = rows.find(
      (row) => row.stateHash !== first?.stateHash || row.contentDigest !== first.contentDigest || row.memories !== first.memories,
    );
    if (odd !== undefined) throw new Error(`the ${odd.who} holds something else\n${lines.join('\n')}`);
    return { result: undefined, lines: [...lines, terminal.paint('green', 'equal')] };
  });
}

const describeRow = ({ who, stateHash, contentDigest: digest, memories }: Row): string =>
  beside(who, `${stateHash}   ${digest}   ${memories}`);

/** The hash that the server sent with its last event, and what its own list says. */
async function askServer({ api, laptop }: Cast, { laptop: { server, cursor } }: Holdings): Promise<Row> {
  if (server?.seq !== cursor) throw new Error(`the server told no state hash at seq ${cursor}`);
  const memories = await api.memories(laptop.token);
  return { who: 'server', stateHash: server.hash, contentDigest: contentDigest(memories), memories: memories.length };
}

async function bootstrap({ api, credentials }: Cast, cleanup: Cleanup): Promise<Row> {
  const { token, device } = await api.begin('/auth/login', { ...credentials, device: { name: 'tablet', platform: 'example' } });
  const tablet = startDevice(cleanup, { name: 'tablet', id: device.id, token, aheadMs: 0 });
  await tablet.ask('connect', { url: api.syncUrl, token });
  return { who: 'tablet', ...(await tablet.ask('reach', 0)) };
}

/** @throws Error when the chain does not hold. */
export function verifyChain({ terminal, api, laptop }: Cast): Promise<void> {
  return terminal.step('The log proves itself: GET /api/v1/audit/verify', async () => {
    const { verified, events, head, headHash, brokenAt } = await api.verify(laptop.token);
    if (!verified) throw new Error(`the chain of hashes is broken at seq ${brokenAt}`);
    const lines = [
      `${terminal.paint('green', 'verified')}: ${events} events up to seq ${head}, each hashed with the one before it`,
      `head hash ${headHash}`,
    ];
    return { result: undefined, lines };
  });
}
