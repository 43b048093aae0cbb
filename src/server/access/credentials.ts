/** What somebody logs in with, and what they get. */
import type { UserId } from '../../core/ids.ts';
import type { ClaimedDevice, DeviceClaim } from './claim-device.ts';
import type { IssuedToken } from './start-session.ts';

export interface Credentials {
  /** Trimmed and in lower case. */
  readonly email: string;
  readonly password: string;
  /** IP address that they come from. */
  readonly address: string;
  readonly device?: DeviceClaim | undefined;
}

export interface User {
  readonly id: UserId;
  readonly email: string;
  /** Unix ms. */
  readonly createdAt: number;
}

export interface Login extends IssuedToken {
  readonly user: User;
  readonly device: ClaimedDevice;
  readonly refreshToken: string;
}

export interface WeakPassword {
  readonly code: 'weak_password';
  /** What is wrong with it. */
  readonly weakness: string;
}
