/**
 * The text of an API key: `aib_`, 65 characters that hold the user's id and 256 random bits, and 6 that check them. It has
 * the form that secret scanners look for (`aib_[0-9A-Za-z]{71}`), and the checksum tells a key from what only looks like
 * one without asking anybody: https://github.blog/2021-04-05-behind-githubs-new-authentication-token-formats/
 *
 * SHA-256 is enough to store it. A slow hash makes guessing of passwords dear; nobody guesses 256 random bits, and a slow
 * hash would be paid for at every request.
 */
import { randomBytes } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { idFromBytes, idToBytes, type UserId } from '../../core/ids.ts';
import { joinParts, sha256 } from '../infra/bytes.ts';

export interface ApiKey {
  readonly userId: UserId;
  readonly hash: Uint8Array;
}

const prefix = 'aib_';
const digits = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const secretBytes = 32;
const payloadBytes = 16 + secretBytes;
/** 62^65 > 2^384, 62^6 > 2^32. */
const payloadChars = 65;
const checkChars = 6;

export function newApiKey(userId: UserId): ApiKey & { readonly text: string } {
  const payload = toDigits(joinParts([idToBytes(userId), randomBytes(secretBytes)]), payloadChars);
  const text = `${prefix}${payload}${checksum(payload)}`;
  return { userId, text, hash: hashOf(text) };
}

export const looksLikeApiKey = (text: string): boolean => text.startsWith(prefix);

/** Null when it cannot be one. */
export function parseApiKey(text: string): ApiKey | null {
  if (text.length !== prefix.length + payloadChars + checkChars || !looksLikeApiKey(text)) return null;
  const payload = text.slice(prefix.length, -checkChars);
  if (checksum(payload) !== text.slice(-checkChars)) return null;
  const bytes = fromDigits(payload, payloadBytes);
  return bytes === null ? null : { userId: idFromBytes<UserId>(bytes.subarray(0, 16)), hash: hashOf(text) };
}

const hashOf = (text: string): Uint8Array => sha256(Buffer.from(text));

function checksum(payload: string): string {
  const check = Buffer.alloc(4);
  check.writeUInt32BE(crc32(payload));
  return toDigits(check, checkChars);
}

function toDigits(bytes: Uint8Array, chars: number): string {
  let rest = BigInt(`0x${Buffer.from(bytes).toString('hex')}`);
  let text = '';
  for (let i = 0; i < chars; i++) {
    text = `${digits[Number(rest % 62n)]}${text}`;
    rest /= 62n;
  }
  return text;
}

/** Null when it holds another character, or a greater number than the bytes can. */
function fromDigits(text: string, bytes: number): Buffer | null {
  let number = 0n;
  for (const char of text) {
    const digit = digits.indexOf(char);
    if (digit === -1) return null;
    number = number * 62n + BigInt(digit);
  }
  const hex = number.toString(16).padStart(bytes * 2, '0');
  return hex.length === bytes * 2 ? Buffer.from(hex, 'hex') : null;
}
