/** What a socket's side of the simulated server asks of its process. */
import type { ErrorCode } from '../../src/core/errors.ts';
import type { DeviceId, SessionId, UserId } from '../../src/core/ids.ts';
import type { Hello } from '../../src/protocol/frames.ts';
import type { AppendRequest, AppendResult, Replica } from '../../src/server/command/append-request.ts';
import type { Opened } from '../../src/sync/answer-hello.ts';
import type { VolatileLog } from './volatile-log.ts';

export interface Principal {
  readonly userId: UserId;
  readonly sessionId: SessionId;
  /** The device of the login. */
  readonly device: Replica;
  readonly tokenExpiresAt: number;
}

export interface ConnectionNode {
  readonly refusesProtocol: boolean;
  now(): number;
  logOf(userId: UserId): VolatileLog | null;
  /** A question to the database: one of both is called, later, unless the process died meanwhile. */
  query(what: string, done: () => void, failed: (code: ErrorCode) => void): void;
  submit(request: AppendRequest, done: (result: AppendResult) => void, failed: (code: ErrorCode) => void): void;
  authenticate(token: string): Principal | ErrorCode;
  openReplica(principal: Principal, id: DeviceId): Replica | ErrorCode;
  readOpened(principal: Principal, replica: Replica, hello: Hello): Opened | null;
  touchDevice(userId: UserId, replica: Replica, cursor: number): void;
}
