/**
 * /docs: the API to look at and to try out, from this server alone. Its files are read when they are asked for, and so is the
 * package that sends them: a server whose documents nobody reads carries neither.
 */
import { existsSync } from 'node:fs';
import type { FastifyInstance } from 'fastify';
import { AppError } from '../../core/errors.ts';
import { route } from './route.ts';

export interface DocsDeps {
  /** The folder that the build makes. */
  readonly docsFolder: string;
  readonly version: string;
}

/** No script and no style but our own files; `data:` for the icons in Swagger UI's style sheet. */
const policy =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const pageHeaders = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy': policy,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
};

export function registerDocs(app: FastifyInstance, { docsFolder, version }: DocsDeps): void {
  route(
    app,
    {
      method: 'GET',
      url: '/docs',
      summary: 'This documentation, to look at and to try out',
      operationId: 'getDocs',
      description: 'A page for browsers that loads nothing from other hosts.',
      tag: 'operations',
      auth: false,
      answers: { 200: { mediaTypes: ['text/html'] } },
    },
    () => ({ status: 200, headers: pageHeaders, body: toPage(version) }),
  );
  app.get<{ Params: { file: string } }>('/docs/:file', async (request, reply) => {
    const { file } = request.params;
    if (!/^[\w-]+(?:[.]\w+)+$/.test(file) || !existsSync(docsFolder)) throw new AppError('not_found');
    const { default: send } = await import('@fastify/send');
    const sent = await send(request.raw, file, { root: docsFolder, index: false, dotfiles: 'deny', maxAge: 60_000 });
    if (sent.type !== 'file') throw new AppError('not_found');
    return reply.code(sent.statusCode).headers(sent.headers).header('x-content-type-options', 'nosniff').send(sent.stream);
  });
}

const links = [
  ['PROTOCOL.md', 'Sync protocol'],
  ['API.md', 'Contract'],
  ['CLIENT.md', 'Browser client'],
  ['ARCHITECTURE.md', 'Architecture'],
] as const;

/** Addresses are relative: a reverse proxy may have put the server below a path. */
const toPage = (version: string): string => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>AIBrain Server ${version}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="docs/swagger-ui.css">
<link rel="stylesheet" href="docs/docs-page.css">
</head>
<body>
<header>${links.map(([file, name]) => `<a href="docs/${file}">${name}</a>`).join('\n')}
<a href="openapi.json">OpenAPI</a></header>
<main id="swagger-ui"></main>
<script src="docs/swagger-ui-bundle.js"></script>
<script type="module" src="docs/docs-page.js"></script>
</body>
</html>
`;
