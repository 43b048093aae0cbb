/** The keys of access tokens, from JWT_KEYS, JWT_SECRET or the data folder. */
import { readFileSync } from 'node:fs';
import { keepJwtSecret } from '../access/jwt-secret.ts';
import {
  BadTokenKeys,
  createTokenKeys,
  isInlineKeys,
  keyOfSecret,
  parseTokenKeys,
  type TokenKeys,
} from '../access/token-keys.ts';
import type { Config } from '../config.ts';

/** @throws BadTokenKeys */
export async function readTokenKeys({ jwtKeys, jwtSecret, dataDir }: Config): Promise<TokenKeys> {
  const ofSecret = (): Uint8Array => (jwtSecret === null ? keepJwtSecret(dataDir) : Buffer.from(jwtSecret));
  if (jwtKeys === null) return createTokenKeys([keyOfSecret(ofSecret())]);
  try {
    const given = await parseTokenKeys(isInlineKeys(jwtKeys) ? jwtKeys : readFileSync(jwtKeys, 'utf8'));
    return createTokenKeys([...given, ...(jwtSecret === null ? [] : [keyOfSecret(Buffer.from(jwtSecret))])]);
  } catch (error) {
    if (error instanceof BadTokenKeys) throw new BadTokenKeys(`JWT_KEYS: ${error.message}`);
    // Without the text: what was meant as keys may have been taken for a path.
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
    throw new BadTokenKeys(`JWT_KEYS names a file that cannot be read (${code})`);
  }
}
