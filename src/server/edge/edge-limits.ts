/** What HTTP itself may cost before a route is known (SEC-3). */
export const edgeLimits = {
  /** All header fields of a request together. */
  headerBytes: 16_384,
  /** Until the last header field has arrived: a slow sender holds a connection no longer. */
  headersTimeoutMs: 15_000,
  /** Until the last byte of the body has arrived: an import of 100 MB at 2 Mbit/s. */
  requestTimeoutMs: 600_000,
  /** One parameter of a path; the longest of ours is a UUID. */
  pathParamChars: 100,
} as const;
