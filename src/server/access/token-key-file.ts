/** The file that JWT_KEYS names, changed in the steps of a rotation (docs/SECURITY.md). It is replaced as a whole, or not at all. */
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { calculateJwkThumbprint, type JWK } from 'jose';
import { createTokenKeys, parseTokenKeys } from './token-keys.ts';

export type KeyAlgorithm = 'EdDSA' | 'HS256';

/** Last in the file: every node learns to verify with it before one signs. In an empty file it is the first, and signs. */
export async function addKey(path: string, algorithm: KeyAlgorithm): Promise<string> {
  const key = await generateKey(algorithm);
  await writeKeys(path, [...(existsSync(path) ? readKeys(path) : []), key]);
  return key.kid;
}

/** From now on it signs. */
export async function useKey(path: string, kid: string): Promise<void> {
  const key = find(path, kid);
  await writeKeys(path, [key, ...readKeys(path).filter((other) => other.kid !== kid)]);
}

/** What it signed is refused from now on. */
export async function dropKey(path: string, kid: string): Promise<void> {
  find(path, kid);
  await writeKeys(
    path,
    readKeys(path).filter((other) => other.kid !== kid),
  );
}

export async function generateKey(algorithm: KeyAlgorithm): Promise<JWK & { readonly kid: string }> {
  if (algorithm === 'HS256') {
    const kid = randomBytes(6).toString('base64url');
    return { kty: 'oct', kid, alg: 'HS256', use: 'sig', k: randomBytes(32).toString('base64url') };
  }
  const jwk = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' }) as JWK;
  return { ...jwk, kid: await calculateJwkThumbprint(jwk), alg: 'EdDSA', use: 'sig' };
}

function readKeys(path: string): readonly JWK[] {
  const { keys } = JSON.parse(readFileSync(path, 'utf8')) as { readonly keys?: readonly JWK[] };
  if (!Array.isArray(keys)) throw new Error(`${path} holds no {"keys": [ … ]}`);
  return keys;
}

function find(path: string, kid: string): JWK {
  const key = readKeys(path).find((other) => other.kid === kid);
  if (key === undefined) throw new Error(`${path} has no key ${kid}`);
  return key;
}

/** What a server would not start with is not written. */
async function writeKeys(path: string, keys: readonly JWK[]): Promise<void> {
  const text = `${JSON.stringify({ keys }, null, 2)}\n`;
  createTokenKeys(await parseTokenKeys(text));
  const unfinished = `${path}.${process.pid}`;
  writeFileSync(unfinished, text, { mode: 0o600, flag: 'wx', flush: true });
  renameSync(unfinished, path);
}
