/** Every error that a caller can meet, in one table: what it means, what to do, whether to try again. Mapped once each to HTTP and to the socket. */

export interface ErrorEntry {
  /** HTTP status. */
  readonly status: number;
  readonly title: string;
  readonly cause: string;
  readonly fix: string;
  /** Whether the same request can succeed later. */
  readonly retry: boolean;
}

export const errorTable = {
  invalid_request: {
    status: 400,
    title: 'The request is invalid',
    cause: 'A field is missing, of the wrong type or out of bounds.',
    fix: 'Mend the fields that `errors` names.',
    retry: false,
  },
  invalid_json: {
    status: 400,
    title: 'The body is no JSON',
    cause: 'The body could not be parsed.',
    fix: 'Send one JSON value, UTF-8, with its content type.',
    retry: false,
  },
  weak_password: {
    status: 400,
    title: 'The password is too weak',
    cause: 'It is too short, too long or too common.',
    fix: 'Choose at least 10 characters that are not a common password.',
    retry: false,
  },
  invalid_credentials: {
    status: 401,
    title: 'E-mail or password is wrong',
    cause: 'No account has this e-mail and password.',
    fix: 'Check both; register when there is no account.',
    retry: false,
  },
  unauthorized: {
    status: 401,
    title: 'A valid token is needed',
    cause: 'The token is missing, expired, malformed, or its session has ended.',
    fix: 'Send `Authorization: Bearer <token>`; refresh or log in for a new one.',
    retry: false,
  },
  refresh_reused: {
    status: 401,
    title: 'The refresh token was used before',
    cause: 'Refresh tokens work once; a second use means that somebody else may hold it.',
    fix: 'The session is ended. Log in again.',
    retry: false,
  },
  device_revoked: {
    status: 403,
    title: 'The device was revoked',
    cause: 'Somebody with this account ended its access.',
    fix: 'Log in again with a new device id.',
    retry: false,
  },
  insufficient_scope: {
    status: 403,
    title: 'The API key may not do this',
    cause: 'The scopes of the key do not cover this request.',
    fix: 'Use a key with the scope that the route needs, or log in.',
    retry: false,
  },
  origin_refused: {
    status: 403,
    title: 'The web origin is not allowed',
    cause: 'The socket was opened by a page whose origin is not on the list of this server.',
    fix: 'Add the origin to CORS_ORIGIN.',
    retry: false,
  },
  not_found: {
    status: 404,
    title: 'There is no such route',
    cause: 'No route has this path and method.',
    fix: 'See /openapi.json.',
    retry: false,
  },
  unknown_memory: {
    status: 404,
    title: 'There is no such memory',
    cause: 'The id is unknown to this user, or its first op lacked content, type and scope.',
    fix: 'Check the id; create the memory first.',
    retry: false,
  },
  erased_memory: {
    status: 410,
    title: 'The memory was erased for good',
    cause: 'Its content and history are gone; its id cannot be used again.',
    fix: 'Create a memory with a new id.',
    retry: false,
  },
  unknown_conflict: {
    status: 404,
    title: 'There is no such conflict',
    cause: 'The id is unknown to this user.',
    fix: 'List /conflicts.',
    retry: false,
  },
  unknown_device: {
    status: 404,
    title: 'There is no such device',
    cause: 'The id is unknown to this user.',
    fix: 'List /auth/devices.',
    retry: false,
  },
  unknown_api_key: {
    status: 404,
    title: 'There is no such API key',
    cause: 'The id is unknown to this user, or the key was revoked.',
    fix: 'List /auth/api-keys.',
    retry: false,
  },
  unknown_seq: {
    status: 404,
    title: 'The memory had no such state',
    cause: 'The memory did not exist at that seq or time.',
    fix: 'Choose a seq from /memories/:id/history.',
    retry: false,
  },
  email_taken: {
    status: 409,
    title: 'The e-mail is taken',
    cause: 'An account has it.',
    fix: 'Log in, or use another one.',
    retry: false,
  },
  too_many_devices: {
    status: 409,
    title: 'The account has too many devices',
    cause: 'An account has at most 1,000 devices that are not revoked.',
    fix: 'Log in with the id of a known device, or revoke devices that are not used any more.',
    retry: false,
  },
  too_many_api_keys: {
    status: 409,
    title: 'The account has too many API keys',
    cause: 'An account has at most 100 API keys.',
    fix: 'Revoke those that are not used any more.',
    retry: false,
  },
  memory_exists: {
    status: 409,
    title: 'The id is taken by another memory',
    cause: 'A memory with this id and another body exists.',
    fix: 'Update it with PUT, or create one with a new id.',
    retry: false,
  },
  register_moved_on: {
    status: 409,
    title: 'The register was written since',
    cause: 'The conflict is resolved, or a later write took its place.',
    fix: 'Read the memory and write what it should be.',
    retry: false,
  },
  cursor_ahead: {
    status: 409,
    title: 'The cursor is ahead of the log',
    cause: 'The server was restored to an earlier state, or the cursor is another user’s.',
    fix: 'Start again from no cursor; keep the outbox.',
    retry: false,
  },
  epoch_mismatch: {
    status: 409,
    title: 'The log began anew',
    cause: 'The server’s store was restored or reset.',
    fix: 'Start again from no cursor; keep the outbox.',
    retry: false,
  },
  counter_gap: {
    status: 409,
    title: 'Ops are missing before these',
    cause: 'The first counter is not the one after the last that the server holds.',
    fix: 'Push from the counter that `expected` names.',
    retry: false,
  },
  device_forked: {
    status: 409,
    title: 'The device was cloned',
    cause: 'The server holds later ops of this device than the device knows.',
    fix: 'Take a new device id; keep the outbox.',
    retry: false,
  },
  cursor_expired: {
    status: 410,
    title: 'The cursor is too old',
    cause: 'The log before the floor is no longer served.',
    fix: 'Start again from no cursor; keep the outbox.',
    retry: false,
  },
  changed_meanwhile: {
    status: 412,
    title: 'The memory changed meanwhile',
    cause: 'Its seq is not the one in If-Match.',
    fix: 'Read it again and decide.',
    retry: false,
  },
  too_large: {
    status: 413,
    title: 'The request is too large',
    cause: 'The body is over the limit.',
    fix: 'Send less at once.',
    retry: false,
  },
  unsupported_media_type: {
    status: 415,
    title: 'The content type is not supported',
    cause: 'The route does not read this content type.',
    fix: 'Send application/json, or what the route’s documentation names.',
    retry: false,
  },
  extraction_refused: {
    status: 422,
    title: 'The model would not read the conversation',
    cause: 'The model, or the filter of its vendor, refused. Nothing was written.',
    fix: 'Leave out what it objects to, or use another EXTRACTION_MODEL.',
    retry: false,
  },
  extraction_failed: {
    status: 502,
    title: 'The model gave no usable answer',
    cause: 'Its answer was no JSON of the shape asked for, was cut off, or it did not accept the request. Nothing was written.',
    fix: 'Try again; if it stays, look at OPENAI_API_KEY, OPENAI_BASE_URL and EXTRACTION_MODEL.',
    retry: true,
  },
  extraction_rate_limited: {
    status: 503,
    title: 'The model is asked too often',
    cause: 'Its vendor limits the rate, also after trying again. Nothing was written.',
    fix: 'Wait for Retry-After.',
    retry: true,
  },
  extraction_unavailable: {
    status: 503,
    title: 'The model cannot be reached',
    cause: 'It did not answer in time, or with a fault, also after trying again. Nothing was written.',
    fix: 'Wait for Retry-After and try again.',
    retry: true,
  },
  patch_failed: {
    status: 422,
    title: 'The patch does not apply',
    cause: 'A `test` failed, or a path does not exist.',
    fix: 'Read the memory again and patch what it is now.',
    retry: false,
  },
  too_many_tags: {
    status: 422,
    title: 'The memory has too many tags',
    cause: 'A memory holds at most 64.',
    fix: 'Remove some first.',
    retry: false,
  },
  rate_limited: {
    status: 429,
    title: 'Too many requests',
    cause: 'The limit of this route was reached.',
    fix: 'Wait for Retry-After.',
    retry: true,
  },
  too_many_attempts: {
    status: 429,
    title: 'Too many wrong passwords',
    cause: 'The password was tried too often from here, or by many strangers.',
    fix: 'Wait for Retry-After. A device that was logged in before, and its network, wait less.',
    retry: true,
  },
  too_many_requests: {
    status: 429,
    title: 'Too many requests at a time',
    cause: 'More requests of this account, or without one of this address, are under way or wait than may at a time.',
    fix: 'Wait for Retry-After, and send fewer at a time.',
    retry: true,
  },
  too_many_sockets: {
    status: 429,
    title: 'Too many sockets',
    cause: 'This account or address has as many sockets open as it may.',
    fix: 'Close some, or wait for Retry-After.',
    retry: true,
  },
  request_timeout: {
    status: 408,
    title: 'The request did not arrive in time',
    cause: 'Its header or its body came too slowly.',
    fix: 'Send it again, over a better connection.',
    retry: true,
  },
  internal_error: {
    status: 500,
    title: 'Something went wrong here',
    cause: 'A fault of the server; it is logged with the request id.',
    fix: 'Try again; report the request id if it stays.',
    retry: true,
  },
  overloaded: {
    status: 503,
    title: 'The server is busy',
    cause: 'Too much waits: of everybody, or of this account’s writes.',
    fix: 'Wait for Retry-After.',
    retry: true,
  },
  unavailable: {
    status: 503,
    title: 'The store cannot be reached',
    cause: 'The database is away; what was sent may or may not be written.',
    fix: 'Try again: writes are safe to repeat.',
    retry: true,
  },
  embedding_unavailable: {
    status: 503,
    title: 'The question has no vector',
    cause: 'The provider of embeddings is away, or refuses.',
    fix: 'Try again, or search with mode keyword or hybrid, which need it not.',
    retry: true,
  },
  invalid_frame: {
    status: 400,
    title: 'The frame is malformed',
    cause: 'It is no frame of the protocol.',
    fix: 'See docs/PROTOCOL.md.',
    retry: false,
  },
  frame_too_large: {
    status: 413,
    title: 'The frame is too large',
    cause: 'It is over maxFrameBytes.',
    fix: 'Push fewer ops at once.',
    retry: false,
  },
  unsupported_protocol: {
    status: 400,
    title: 'The protocol version is not spoken here',
    cause: 'HELLO asked for another version.',
    fix: 'Use the version that the detail names.',
    retry: false,
  },
  hello_expected: {
    status: 400,
    title: 'HELLO comes first',
    cause: 'The socket has not said HELLO.',
    fix: 'Send HELLO.',
    retry: false,
  },
} as const satisfies Readonly<Record<string, ErrorEntry>>;

export type ErrorCode = keyof typeof errorTable;

/** One wrong field: `path` as JSON Pointer or dotted, without the content. */
export interface FieldError {
  readonly path: string;
  readonly message: string;
}

/** An expected failure on its way to the caller. Throw it at an edge; inside, prefer a Result. */
export class AppError extends Error {
  override readonly name = 'AppError';
  readonly code: ErrorCode;
  readonly errors: readonly FieldError[];
  /** Further members of the problem, as `expected` of `counter_gap`. */
  readonly members: Readonly<Record<string, number>>;

  constructor(
    code: ErrorCode,
    detail?: string,
    errors: readonly FieldError[] = [],
    members: Readonly<Record<string, number>> = {},
  ) {
    super(detail ?? errorTable[code].cause);
    this.code = code;
    this.errors = errors;
    this.members = members;
  }
}
