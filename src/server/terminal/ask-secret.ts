/** A secret that is asked for on the terminal, without showing it. */
import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';

/** Null where there is no terminal to ask on, or nobody answers (Ctrl-C, Ctrl-D). */
export async function askSecret(question: string): Promise<string | null> {
  if (!process.stdin.isTTY) return null;
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const terminal = createInterface({ input: process.stdin, output: nowhere, terminal: true, historySize: 0 });
  process.stderr.write(question);
  try {
    return await new Promise((resolve) => {
      terminal.once('line', resolve).once('SIGINT', () => terminal.close());
      terminal.once('close', () => resolve(null));
    });
  } finally {
    terminal.close();
    process.stderr.write('\n');
  }
}
