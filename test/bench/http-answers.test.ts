import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createAnswerReader } from '../../bench/http-answers.ts';

const answer = fc.record({ status: fc.constantFrom(200, 201, 404, 503), body: fc.string({ unit: 'binary', maxLength: 200 }) });

it('[house] the load counts every answer once, with its status, wherever the pieces are cut', () => {
  fc.assert(
    fc.property(fc.array(answer, { maxLength: 6 }), fc.infiniteStream(fc.integer({ min: 1, max: 90 })), (answers, sizes) => {
      const bytes = Buffer.concat(
        answers.map(({ status, body }) =>
          Buffer.from(`HTTP/1.1 ${status} X\r\nContent-Length: ${Buffer.byteLength(body)}\r\ndate: now\r\n\r\n${body}`),
        ),
      );
      const statuses: number[] = [];
      const read = createAnswerReader((status) => statuses.push(status));
      for (let at = 0; at < bytes.length; ) {
        const end = at + (sizes.next().value ?? 1);
        const piece = Buffer.from(bytes.subarray(at, end));
        at = end;
        read(piece);
        // As a socket does that reads into the same buffer again.
        piece.fill(0);
      }
      expect(statuses).toEqual(answers.map(({ status }) => status));
    }),
  );
});

it('[house] the load refuses an answer whose end it cannot know', () => {
  const read = createAnswerReader(() => undefined);
  expect(() => read(Buffer.from('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n'))).toThrow(
    'not an answer with a length',
  );
});
