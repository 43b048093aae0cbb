/** What the document says in words: the rules that hold for every route, and the sections. */
import { errorTable } from '../../core/errors.ts';

export const apiDescription = `Memories of one person, for all assistants. Every write is an event in that person’s log, and a retry of a
write is safe.

## Rules for every route

- JSON in and out, UTF-8, camelCase. Ids are UUIDs, times ISO 8601 in UTC. Text must not contain NUL or lone surrogates, and lengths
  count Unicode code points.
- A member or a query parameter that is not known is refused. Answers may have further members in a later version: ignore those
  that you do not know.
- Send \`Authorization: Bearer <token>\`, the token of register, login or refresh. Tokens are short-lived: refresh in time.
- Lists come in pages: \`limit\`, and \`cursor\` with the \`nextCursor\` of the page before; null at the end. Cursors are opaque.
- Every answer has \`X-Request-Id\`. 429 and 503 say in \`Retry-After\` how many seconds to wait; limited routes tell what is left in
  \`RateLimit-*\`.
- What is no HTTP, or comes too slowly, is answered before there is a route, with \`invalid_request\` or \`request_timeout\`, and the
  connection ends.
- What a document of an operation does not say of a path outside of it: \`not_found\`.

## Errors

Errors are \`application/problem+json\` (RFC 9457) with a stable \`code\`. A request that is refused has written nothing.

| code | status | retry | what to do |
| --- | --- | --- | --- |
${Object.entries(errorTable)
  .map(([code, { status, retry, fix }]) => `| \`${code}\` | ${status} | ${retry ? 'yes' : 'no'} | ${fix} |`)
  .join('\n')}

## More

[The sync protocol](/docs/PROTOCOL.md) · [The contract](/docs/API.md) · [The browser client](/docs/CLIENT.md) ·
[How it is built](/docs/ARCHITECTURE.md) · [This document](/openapi.json)
`;

export const tagTexts = [
  { name: 'auth', description: 'Accounts and sessions: register, log in, renew tokens, log out.' },
  { name: 'account', description: 'The account itself: settings, password, erasure.' },
  { name: 'devices', description: 'Where the account is in use, how far each device is, and how to end its access.' },
  { name: 'api keys', description: 'Keys for scripts and agents, each with the scopes it needs.' },
  { name: 'memories', description: 'Writing, reading, searching, bringing in and taking out.' },
  {
    name: 'sync',
    description: 'Devices in step, over a WebSocket or over HTTP.',
    externalDocs: { url: '/docs/PROTOCOL.md', description: 'The protocol' },
  },
  { name: 'conflicts', description: 'Values that lost against a concurrent write, kept until somebody decides.' },
  { name: 'audit', description: 'Who changed what, when and where, and the proof that nothing of it was changed since.' },
  { name: 'operations', description: 'For whoever runs the server. No token.' },
] as const;

export const syncSocketDescription = `The upgrade of a WebSocket. The device says HELLO with its token, is told WELCOME or RESET, pushes ops and is sent
DELTA and SNAPSHOT frames. Text frames are JSON, binary frames MessagePack in a compact layout; the server answers in kind. The JSON
forms stand under \`x-websocket\`. Where no socket gets through, \`/memories/sync/hello\`, \`updates\`, \`snapshot\` and \`push\` do the same.`;
