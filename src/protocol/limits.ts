/** Every bound of the wire in one table (SEC-3). The server tells its own in WELCOME. */
export const wireLimits = {
  /** Bytes of one frame from a client. */
  maxFrameBytes: 1_048_576,
  /** Ops in one PUSH. */
  maxOps: 1_000,
  /** DELTA frames sent and not yet confirmed by GOT, or by the base of a PUSH. */
  maxInFlight: 64,
  /** Nesting of a frame. A PUSH has 5: frame, ops, op, patch, source. */
  maxDepth: 8,
  /** Event bytes that a DELTA aims at. One event alone may be larger. */
  deltaBytes: 256 * 1_024,
  /** Events in one DELTA. */
  deltaEvents: 2_000,
  /** Memories in one SNAPSHOT. */
  snapshotMemories: 500,
  /** Bytes of content that a SNAPSHOT aims at. One memory alone may be larger. */
  snapshotBytes: 256 * 1_024,
  /** Ids in one event of kind `collect`. */
  collectIds: 1_000,
  /** Without a frame from the device for so long the server sends PING, ms. */
  pingAfterMs: 25_000,
  /** Without a frame from the device for so long the server closes the socket, ms. */
  silenceMs: 60_000,
  /** A frame above this is deflated for a client that takes it, bytes. */
  deflateAboveBytes: 1_024,
} as const;

export interface TellLimits {
  readonly maxFrameBytes: number;
  readonly maxOps: number;
  readonly maxInFlight: number;
}
