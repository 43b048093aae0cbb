/** Every header that callers send or read, beyond those of HTTP itself: what it means, for /openapi.json. */
interface HeaderText {
  readonly description: string;
  readonly schema: Readonly<Record<string, unknown>>;
}

export const requestHeaderTexts = {
  'If-Match': {
    description:
      'The `ETag` that was read: the write is refused with `changed_meanwhile` when the memory has another one by now.',
    schema: { type: 'string', examples: ['"41"'] },
  },
} as const satisfies Readonly<Record<string, HeaderText>>;

export type RequestHeader = keyof typeof requestHeaderTexts;

export const answerHeaderTexts = {
  ETag: {
    description: 'The `seq` of the memory, for `If-Match`.',
    schema: { type: 'string', pattern: '^"\\d+"$', examples: ['"41"'] },
  },
  'Sync-Cursor': {
    description: 'The opaque cursor to go on with in `GET /memories/sync/updates`.',
    schema: { type: 'string' },
  },
  'Content-Disposition': {
    description: 'The name of the file.',
    schema: { type: 'string', examples: ['attachment; filename="memories.ndjson"'] },
  },
} as const satisfies Readonly<Record<string, HeaderText>>;

export type AnswerHeader = keyof typeof answerHeaderTexts;

/** Those that follow from what a route is, and from how it ends. */
export const commonHeaderTexts = {
  'X-Request-Id': {
    description: 'Names this request in the log of the server.',
    schema: { type: 'string', format: 'uuid' },
  },
  'Retry-After': {
    description: 'Seconds to wait before the same request is sent again.',
    schema: { type: 'integer', minimum: 0 },
  },
  'WWW-Authenticate': {
    description: 'The scheme that is asked for (RFC 9110).',
    schema: { type: 'string' },
  },
  'RateLimit-Limit': {
    description: 'Requests in a window. Absent where limits are switched off.',
    schema: { type: 'integer', minimum: 1 },
  },
  'RateLimit-Remaining': {
    description: 'Requests that are left in this window.',
    schema: { type: 'integer', minimum: 0 },
  },
  'RateLimit-Reset': {
    description: 'Seconds until the window ends.',
    schema: { type: 'integer', minimum: 0 },
  },
} as const satisfies Readonly<Record<string, HeaderText>>;

export type CommonHeader = keyof typeof commonHeaderTexts;
