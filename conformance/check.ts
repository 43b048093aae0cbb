/** A check: one promise of the protocol, seen from outside. */
import type { DeviceId } from '../src/core/ids.ts';
import type { Device, DeviceOptions } from './device.ts';
import type { FrameForm } from './frame-io.ts';
import type { HttpClient } from './http-client.ts';
import type { Peer, PeerOptions } from './peer.ts';
import type { KitUser } from './users.ts';

export interface Check {
  /** Begins with the rules that it proves: `[SYN-4] a delta is …`. */
  readonly title: string;
  readonly rules: readonly string[];
  /** `each`: it is run in binary and in text frames. `none`: it needs no frames, or both. */
  readonly form: FrameForm | 'each' | 'none';
  /** It has to wait for a time that the protocol fixes; left out unless asked for. */
  readonly isSlow: boolean;
  readonly run: (kit: CheckContext) => Promise<void>;
}

export interface CheckContext {
  readonly url: string;
  readonly form: FrameForm;
  /** How long an answer may take, ms. */
  readonly timeoutMs: number;
  readonly http: HttpClient;
  /** A user of this check alone, with a log of any length. */
  user(): Promise<KitUser>;
  /** A user whose log is empty. Rather `user`: servers limit how often one may register. */
  newUser(): Promise<KitUser>;
  /** Another session of the user, which the check may end. */
  login(user: KitUser): Promise<KitUser>;
  /** The same session with a new token. */
  refresh(user: KitUser): Promise<KitUser>;
  /** A socket on which nothing was said. */
  open(options?: Partial<Omit<PeerOptions, 'url' | 'timeoutMs'>>): Promise<Peer>;
  /** A device that has not connected. */
  device(user: KitUser, options?: NewDevice): Device;
  /** A new device, connected, that knows the log from its head on. */
  join(user: KitUser, options?: NewDevice): Promise<Device>;
  /** A new device, connected, that has read everything from the beginning. */
  reader(user: KitUser, options?: NewDevice): Promise<Device>;
  /** Makes every token that was given so far expire at once; null: a check has to wait for it. */
  readonly expireTokens: (() => Promise<void>) | null;
  /** The newest seq of the user's log. */
  head(user: KitUser): Promise<number>;
}

export interface NewDevice extends Partial<Omit<DeviceOptions, 'open' | 'id'>> {
  readonly id?: DeviceId;
  readonly form?: FrameForm;
}

export interface CheckOptions {
  readonly form?: Check['form'];
  readonly isSlow?: boolean;
}

/** @param title begins with the rules, in brackets. */
export function check(title: string, run: Check['run'], { form = 'each', isSlow = false }: CheckOptions = {}): Check {
  const rules = [...(/^(\[[A-Z]+-\d+\] )+/.exec(title)?.[0] ?? '').matchAll(/[A-Z]+-\d+/g)].map(([rule]) => rule);
  return { title, rules, form, isSlow, run };
}

/** Thrown by a check that cannot be made against this server, with the reason. */
export class CheckSkipped extends Error {
  override readonly name = 'CheckSkipped';
}
