/** Finds the ends of HTTP/1.1 answers (RFC 9112) that have a content-length, one outstanding at a time, with as little work as can be. */

const endOfHead = Buffer.from('\r\n\r\n');

/**
 * @param onAnswer told of each answer's status when all of it has come.
 * @returns takes the bytes in any pieces; it keeps none of them that it is given.
 * @throws Error on an answer of another form.
 */
export function createAnswerReader(onAnswer: (status: number) => void): (bytes: Buffer) => void {
  let kept: Buffer = Buffer.alloc(0);
  return (bytes) => {
    let rest = kept.length === 0 ? bytes : Buffer.concat([kept, bytes]);
    for (;;) {
      const headEnd = rest.indexOf(endOfHead);
      if (headEnd === -1) break;
      const head = rest.toString('latin1', 0, headEnd);
      const end = headEnd + endOfHead.length + bodyBytes(head);
      if (rest.length < end) break;
      rest = rest.subarray(end);
      kept = Buffer.alloc(0);
      onAnswer(Number(head.slice(9, 12)));
    }
    kept = rest.length === 0 ? Buffer.alloc(0) : Buffer.from(rest);
  };
}

function bodyBytes(head: string): number {
  const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
  if (!head.startsWith('HTTP/1.1 ') || length === undefined)
    throw new Error(`not an answer with a length: ${head.slice(0, 200)}`);
  return Number(length);
}
