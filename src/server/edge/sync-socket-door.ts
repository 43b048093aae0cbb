/** Where the socket is, and what goes over it, for the document. */
import { clientFrameSchema, serverFrameSchema } from '../../protocol/json-frames.ts';

export const syncSocketPath = '/api/v1/sync';

export const frameSchemas = { fromClient: clientFrameSchema, fromServer: serverFrameSchema } as const;
