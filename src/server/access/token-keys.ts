/**
 * The keys of access tokens (RFC 7517): several verify, the first that can sign signs. A key has one algorithm, which is taken
 * from here and never from a token (RFC 8725 §3.1), so no token chooses how it is checked.
 */
import { createPrivateKey, createPublicKey, createSecretKey, type KeyObject } from 'node:crypto';
import { calculateJwkThumbprint, type JWK } from 'jose';
import { z } from 'zod';
import { sha256 } from '../infra/bytes.ts';

export interface TokenKey {
  readonly kid: string;
  readonly algorithm: 'HS256' | 'EdDSA';
  /** Null: it verifies only. */
  readonly signing: KeyObject | null;
  readonly verifying: KeyObject;
}

export interface TokenKeys {
  readonly signing: TokenKey;
  readonly byId: ReadonlyMap<string, TokenKey>;
  /** For others to verify with: never a secret. */
  readonly published: readonly JWK[];
}

/** What is wrong with configured keys, for whoever configures them. Says nothing of what they are. */
export class BadTokenKeys extends Error {
  override readonly name = 'BadTokenKeys';
}

export const secretMinBytes = 32;

/** @throws BadTokenKeys when none can sign, or two have one id. */
export function createTokenKeys(keys: readonly TokenKey[]): TokenKeys {
  const signing = keys.find((key) => key.signing !== null);
  if (signing === undefined) throw new BadTokenKeys('no key can sign: one private or secret key is needed');
  const byId = new Map(keys.map((key) => [key.kid, key]));
  if (byId.size < keys.length) throw new BadTokenKeys('two keys have the same kid');
  return { signing, byId, published: keys.filter(({ algorithm }) => algorithm === 'EdDSA').map(toPublicJwk) };
}

/** The key that a shared secret is. Its id says nothing of it. */
export function keyOfSecret(secret: Uint8Array): TokenKey {
  const kid = sha256(Buffer.from('aibrain kid'), secret).toString('base64url').slice(0, 8);
  const key = createSecretKey(secret);
  return { kid, algorithm: 'HS256', signing: key, verifying: key };
}

/** Whether they are the keys themselves, rather than the path of a file. */
export const isInlineKeys = (text: string): boolean => /^\s*(\{|-----BEGIN )/.test(text);

/** A JWK set (or one JWK), or PEM blocks: Ed25519 keys, private or public, and in JWK secrets of 32 bytes or more. */
export async function parseTokenKeys(text: string): Promise<readonly TokenKey[]> {
  const trimmed = text.trim();
  if (!trimmed.startsWith('{')) return await Promise.all(pemBlocks(trimmed).map(keyOfPem));
  return await Promise.all(readJwks(trimmed).map((jwk, index) => keyOfJwk(jwk, `key ${index + 1}`)));
}

const jwkSchema = z.looseObject({ kty: z.string(), kid: z.string().min(1).max(100).optional() });
const jwksSchema = z.union([
  z.object({ keys: z.array(jwkSchema).min(1) }).transform(({ keys }) => keys),
  jwkSchema.transform((key) => [key]),
]);

function readJwks(text: string): readonly JWK[] {
  try {
    // The schema says what is looked at here; OpenSSL checks the rest.
    return jwksSchema.parse(JSON.parse(text)) as readonly JWK[];
  } catch {
    throw new BadTokenKeys('it is no JWK set: {"keys": [ … ]} is expected, with at least one key');
  }
}

async function keyOfJwk(jwk: JWK, place: string): Promise<TokenKey> {
  if (jwk.kty === 'OKP' && jwk.crv === 'Ed25519' && (jwk.alg ?? 'EdDSA') === 'EdDSA') {
    const key = reading(place, () =>
      jwk.d === undefined ? createPublicKey({ key: jwk, format: 'jwk' }) : createPrivateKey({ key: jwk, format: 'jwk' }),
    );
    return await keyOfEd25519(key, jwk.kid);
  }
  if (jwk.kty === 'oct' && (jwk.alg ?? 'HS256') === 'HS256') {
    const secret = Buffer.from(jwk.k ?? '', 'base64url');
    if (secret.length < secretMinBytes) throw new BadTokenKeys(`${place} has a secret of less than ${secretMinBytes} bytes`);
    const key = keyOfSecret(secret);
    return { ...key, kid: jwk.kid ?? key.kid };
  }
  throw new BadTokenKeys(`${place} is neither Ed25519 for EdDSA nor oct for HS256`);
}

function pemBlocks(text: string): readonly string[] {
  const blocks = text.match(/-----BEGIN [A-Z ]{1,30}-----[^-]*-----END [A-Z ]{1,30}-----/g) ?? [];
  if (blocks.length === 0) throw new BadTokenKeys('it is neither a JWK set nor PEM');
  return blocks;
}

async function keyOfPem(pem: string, index: number): Promise<TokenKey> {
  const place = `PEM block ${index + 1}`;
  const key = reading(place, () => (pem.includes(' PRIVATE KEY') ? createPrivateKey(pem) : createPublicKey(pem)));
  if (key.asymmetricKeyType !== 'ed25519') throw new BadTokenKeys(`${place} is no Ed25519 key`);
  return await keyOfEd25519(key, undefined);
}

/** Without an id of its own it has its thumbprint (RFC 7638). */
async function keyOfEd25519(key: KeyObject, kid: string | undefined): Promise<TokenKey> {
  const verifying = key.type === 'private' ? createPublicKey(key) : key;
  return {
    kid: kid ?? (await calculateJwkThumbprint(verifying.export({ format: 'jwk' }) as JWK)),
    algorithm: 'EdDSA',
    signing: key.type === 'private' ? key : null,
    verifying,
  };
}

/** OpenSSL's own words could quote what it read. */
function reading(place: string, read: () => KeyObject): KeyObject {
  try {
    return read();
  } catch {
    throw new BadTokenKeys(`${place} cannot be read`);
  }
}

function toPublicJwk({ kid, verifying }: TokenKey): JWK {
  const { kty, crv, x } = verifying.export({ format: 'jwk' });
  return { kty, crv, x, kid, alg: 'EdDSA', use: 'sig' } as JWK;
}
