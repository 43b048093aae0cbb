/**
 * A change of the frames is a decision. When this fails, decide:
 *
 * - Can a reader of the pinned version take the new frames (a new optional field, a looser bound)? Then pin the new
 *   fingerprint beside the same version.
 * - Can it not (a field that is required, renamed, gone, or means something else)? Then raise protocolVersion as well, say
 *   in docs/PROTOCOL.md what changed, and keep serving the older version or refuse it by a RESET or ERROR of its own.
 *
 * The binary layouts are guarded by golden-frames.ts. Refinements (`.refine`) are invisible here. A new version of zod may
 * spell the same schema differently: compare the two JSON Schemas before pinning.
 */
import { createHash } from 'node:crypto';
import { expect, it } from 'vitest';
import { z } from 'zod';
import { clientFrameSchema, serverFrameSchema } from '../../src/protocol/json-frames.ts';
import { protocolVersion } from '../../src/protocol/version.ts';

const pinned = {
  version: 1,
  client: '365806a3b9975245b681acf9b22415bece68689993a31cd6dfe70d9106603166',
  server: '570e56046d2230eb072001f065dfbbbba8f98bbf8c092032c9db888314608cd7',
} as const;

const fingerprint = (schema: z.ZodType) =>
  createHash('sha256')
    .update(JSON.stringify(z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' })))
    .digest('hex');

it('[SYN-1] the frames are those of the pinned protocol version', () => {
  const current = { version: protocolVersion, client: fingerprint(clientFrameSchema), server: fingerprint(serverFrameSchema) };
  expect(current).toEqual(pinned);
});
