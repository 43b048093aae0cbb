/** A text frame from a client, whom nobody trusts: checked by the schemas. */
import type { ClientFrame } from './frames.ts';
import { helloFromJson, opFromJson, parseJson } from './json-codec.ts';
import { clientFrameSchema } from './json-frames.ts';
import { MalformedValue } from './packed-values.ts';

/** @throws MalformedValue */
export function parseClientFrame(text: string): ClientFrame {
  const parsed = clientFrameSchema.safeParse(parseJson(text));
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new MalformedValue(issue?.path.join('.') ?? '', issue?.message ?? 'is no frame');
  }
  const frame = parsed.data;
  switch (frame.type) {
    case 'HELLO': {
      const { token, ...hello } = frame;
      return { ...helloFromJson(hello), ...(token === undefined ? {} : { token }) };
    }
    case 'PUSH':
      return { ...frame, ops: frame.ops.map((op, index) => opFromJson(op, `ops.${index}`)) };
    case 'PONG':
      return { type: 'PONG' };
    default:
      return frame;
  }
}
