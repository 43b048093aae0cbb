/**
 * Names of components for schemas that are shared with the wire: a name on them would change what the fingerprint of the
 * protocol sees. Schemas of the edge carry their own, by `.meta({ id })`.
 */
import { sourceSchema } from '../../core/memory-schemas.ts';
import {
  clientFrameSchema,
  conflictRefSchema,
  eventSchema,
  patchOperationSchema,
  pushedOpSchema,
  resetSchema,
  serverFrameSchema,
  snapshotSchema,
  welcomeSchema,
} from '../../protocol/json-frames.ts';

export const componentNames: ReadonlyMap<object, string> = new Map<object, string>([
  [sourceSchema, 'Source'],
  [patchOperationSchema, 'RegisterPatchOperation'],
  [pushedOpSchema, 'PushedOp'],
  [conflictRefSchema, 'ConflictReference'],
  [eventSchema, 'WireEvent'],
  [welcomeSchema, 'Welcome'],
  [resetSchema, 'Reset'],
  [snapshotSchema, 'Snapshot'],
  [clientFrameSchema, 'ClientFrame'],
  [serverFrameSchema, 'ServerFrame'],
]);
