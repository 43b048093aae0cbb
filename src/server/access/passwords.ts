/** Passwords: argon2id with the parameters OWASP asks for (Password Storage Cheat Sheet: 19 MiB, 2 passes, 1 lane). */
import { hash, verify } from '@node-rs/argon2';
import pLimit from 'p-limit';
import { AppError } from '../../core/errors.ts';

export interface Passwords {
  hash(password: string): Promise<string>;
  /** With null for an account that does not exist: false after the same work. */
  verify(passwordHash: string | null, password: string): Promise<boolean>;
}

export interface PasswordsOptions {
  /** Each takes 19 MiB while it is computed. */
  readonly atATime: number;
  /** Beyond these a password is refused, `overloaded`: a flood of logins takes no more RAM and no more time than this. */
  readonly waiting: number;
}

/** The library's default algorithm is argon2id; its type is a const enum, which isolated modules cannot name. */
const parameters = { memoryCost: 19_456, timeCost: 2, parallelism: 1, outputLen: 32 } as const;

const cost = `$argon2id$v=19$m=${parameters.memoryCost},t=${parameters.timeCost},p=${parameters.parallelism}$`;

/** No password has this hash: checking against it costs what a real check costs. */
export const nobodysHash = `${cost}${'A'.repeat(22)}$${'A'.repeat(43)}`;

/** About 20 ms each on a thread of the pool. */
export function createPasswords({ atATime, waiting }: PasswordsOptions): Passwords {
  const limit = pLimit(atATime);
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    if (limit.pendingCount >= waiting) throw new AppError('overloaded', 'Too many passwords are being checked.');
    return limit(work);
  };
  return {
    hash: async (password) => await inTurn(() => hash(password.normalize('NFKC'), parameters)),
    async verify(passwordHash, password) {
      const isRight = await inTurn(() => verify(passwordHash ?? nobodysHash, password.normalize('NFKC')));
      return isRight && passwordHash !== null;
    },
  };
}

/** Made with other parameters than today's: to be made again when the password is at hand. */
export const isOutdated = (passwordHash: string): boolean => !passwordHash.startsWith(cost);
