/** The document itself: valid, complete, and true of the routes. What the routes answer is judged in test/api/. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createConfig, lintFromString } from '@redocly/openapi-core';
import { Validator } from '@seriousme/openapi-schema-validator';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { errorTable } from '../../../src/core/errors.ts';
import { type Contract, readContract } from '../../support/openapi.ts';
import { startTestServer, type TestServer } from '../../support/server.ts';

const root = join(import.meta.dirname, '../../..');

let server: TestServer;
let contract: Contract;
beforeAll(async () => {
  server = await startTestServer();
  contract = await readContract(server.url);
});
afterAll(() => server?.[Symbol.asyncDispose]());

describe('/openapi.json', () => {
  it('[API-1] is valid OpenAPI 3.1', async () => {
    expect(contract.document.openapi).toMatch(/^3\.1\./);
    const validator = new Validator();
    expect(await validator.validate({ ...contract.document })).toEqual({ valid: true });
    expect(await validator.validate({ ...contract.document, paths: 7 })).toMatchObject({ valid: false });
  });

  it('[API-1] is clean by the rules of a linter', async () => {
    const config = await createConfig({
      extends: ['recommended-strict'],
      rules: {
        // What takes nothing refuses nothing.
        'operation-4xx-response': 'off',
        // A socket's success is 101.
        'operation-2xx-response': 'off',
        // Frames of the socket are referred to from `x-websocket`, where the linter does not look.
        'no-unused-components': 'off',
      },
    });
    const lint = async (document: unknown) => {
      const problems = await lintFromString({ source: JSON.stringify(document), absoluteRef: '/openapi.json', config });
      return problems.map(({ ruleId, message, location }) => `${ruleId}: ${message} ${location[0]?.pointer}`);
    };
    expect(await lint(contract.document)).toEqual([]);
    expect(await lint({ ...contract.document, servers: [] })).not.toEqual([]);
  });

  it('[API-1] tells of each operation what it is, and of each parameter', () => {
    const tags = contract.document.tags.map(({ name }) => name);
    for (const { operationId, summary, description, tags: own, path, method, parameters = [] } of contract.operations.values()) {
      expect(operationId, `${method} ${path}`).toMatch(/^[a-z][A-Za-z]+$/);
      expect(summary, operationId).not.toBe('');
      expect(description ?? '', operationId).not.toBe('');
      expect(tags, operationId).toEqual(expect.arrayContaining([...own]));
      for (const { name, description: text = '' } of parameters) expect(text, `${operationId} ${name}`).not.toBe('');
      const inPath = parameters.filter((parameter) => parameter.in === 'path');
      expect(inPath.map(({ name }) => `{${name}}`)).toEqual(path.match(/\{\w+\}/g) ?? []);
      expect(inPath.every(({ required }) => required)).toBe(true);
    }
    const ids = Object.values(contract.document.paths).flatMap((methods) =>
      Object.values(methods).map((each) => each.operationId),
    );
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('[API-1] has an example of every body', () => {
    for (const { operationId, requestBody } of contract.operations.values()) {
      if (requestBody === undefined) continue;
      const examples = Object.values(requestBody.content).flatMap((media) => Object.keys(media.examples ?? {}));
      expect(examples, operationId).not.toEqual([]);
    }
  });

  it('[API-1] needs no token where none can be had yet, and for operations', () => {
    const open = [...contract.operations.values()].filter(({ security }) => security.length === 0);
    expect(open.map(({ operationId }) => operationId)).toEqual(
      expect.arrayContaining([
        'register',
        'login',
        'refreshTokens',
        'getHealth',
        'getReadiness',
        'getMetrics',
        'getOpenApi',
        'getDocs',
      ]),
    );
    expect(open.some(({ path }) => /memories|audit|conflicts|devices/.test(path))).toBe(false);
  });

  it('[API-1] tells every error once, with what to do', () => {
    for (const [code, { fix }] of Object.entries(errorTable)) {
      expect(contract.document.info.description).toContain(`| \`${code}\` |`);
      expect(contract.document.info.description).toContain(fix);
    }
    const register = contract.operations.get('register')?.responses;
    expect(register?.['409']?.description).toContain('`email_taken`');
    expect(register?.['409']?.description).toContain(errorTable.email_taken.fix);
    expect(contract.outcomes).toContain('register 400 weak_password');
    expect(contract.outcomes).not.toContain('getHealth 401 unauthorized');
  });

  it('[API-1] no route is declared beside the document', () => {
    const edge = join(root, 'src/server/edge');
    const declaring = readdirSync(edge).filter((file) =>
      /\b(?:app|api|scope)\s*\.\s*(?:route|get|post|put|patch|delete|all)\s*[<(]/.test(readFileSync(join(edge, file), 'utf8')),
    );
    // The one way to declare a route; the socket, which the document has by hand; the files of /docs.
    expect(declaring.sort()).toEqual(['http-docs.ts', 'route.ts', 'ws-sync.ts']);
  });

  it('[API-2] has every call of docs/API.md', () => {
    const text = readFileSync(join(root, 'docs/API.md'), 'utf8');
    const calls = [...text.matchAll(/`(GET|POST|PUT|PATCH|DELETE|WS) (\/[\w/:.-]+)/g)].map(([, method = '', path = '']) => {
      const inner = path.replace(/:(\w+)/g, '{$1}');
      return { method: method === 'WS' ? 'get' : method.toLowerCase(), paths: [inner, `/api/v1${inner}`] };
    });
    expect(calls.length).toBeGreaterThan(30);
    for (const { method, paths } of calls) {
      expect(
        paths.some((path) => contract.document.paths[path]?.[method] !== undefined),
        `${method} ${paths[0]}`,
      ).toBe(true);
    }
  });
});
