/** The import's thread, from within: files arrive in chunks, reports go back. */
import type { MessagePort } from 'node:worker_threads';
import { type FromImportThread, type ToImportThread, toFailure } from './import-messages.ts';
import type { ImportReport } from './import-records.ts';
import type { Transfer } from './transfer.ts';

/** @param onStop asked to end; every import is over then. */
export function serveImports(
  port: MessagePort,
  transfer: Pick<Transfer, 'importStream' | 'importZip'>,
  onStop: () => void,
): void {
  const sources = new Map<number, Source>();
  const post = (message: FromImportThread): void => port.postMessage(message);
  const answer = async (id: number, work: () => Promise<ImportReport>): Promise<void> => {
    try {
      post({ kind: 'done', id, report: await work() });
    } catch (error) {
      post({ kind: 'failed', id, failure: toFailure(error) });
    } finally {
      sources.delete(id);
    }
  };
  port.on('message', (message: ToImportThread) => {
    switch (message.kind) {
      case 'import': {
        const { id, writer, request, zip } = message;
        if (zip !== undefined) return void answer(id, () => transfer.importZip(writer, zip, request));
        const source = createSource(() => post({ kind: 'taken', id }));
        sources.set(id, source);
        return void answer(id, () => transfer.importStream(writer, source.bytes(), request));
      }
      case 'chunk':
        return sources.get(message.id)?.push(message.bytes);
      case 'end':
        return sources.get(message.id)?.push(null);
      case 'broken':
        return sources.get(message.id)?.push(new Error('the source broke'));
      case 'stop':
        return onStop();
    }
  });
}

type Source = ReturnType<typeof createSource>;

/** Null: the end. An error: the source broke there. */
function createSource(onTaken: () => void) {
  const waiting: (Uint8Array | Error | null)[] = [];
  let wake: (() => void) | null = null;
  return {
    push(next: Uint8Array | Error | null): void {
      waiting.push(next);
      wake?.();
    },
    async *bytes(): AsyncGenerator<Uint8Array> {
      for (;;) {
        const next = waiting.shift();
        if (next === undefined) {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
          continue;
        }
        if (next === null) return;
        if (next instanceof Error) throw next;
        onTaken();
        yield next;
      }
    },
  };
}
