/** Bounds of HTTP itself (SEC-3). */
export const httpLimits = {
  /** All header fields of a request together. */
  headerBytes: 16_384,
  /** One parameter of a path; the longest of ours is a UUID. */
  pathParamChars: 100,
  /** From the connection, or the answer before, to the last header, ms. */
  headersTimeoutMs: 10_000,
  /** Bytes that a body has to bring in SLOW_CLIENT_SECONDS. */
  minBodyBytes: 16_384,
  /** From here on a body is large, bytes. */
  largeBodyBytes: 65_536,
  /** Large bodies of one user that are on their way or under way. */
  largeBodiesOfOne: 16,
  /** Answers above this are watched while they go out, bytes. */
  watchedAnswerBytes: 65_536,
} as const;
