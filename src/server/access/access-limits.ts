/** Bounds of accounts and devices (SEC-3). */
export const accessLimits = {
  /** RFC 5321: 256 octets of a path, less its brackets. */
  emailChars: 254,
  passwordMinChars: 10,
  /** Long enough for a passphrase; hashing cost hardly depends on it. */
  passwordMaxChars: 256,
  deviceNameChars: 100,
  devicePlatformChars: 100,
  /** Devices of one user that are not revoked. */
  devices: 1_000,
  /** API keys of one user. */
  apiKeys: 100,
  apiKeyNameChars: 100,
  /** Of a key that is asked for without an end, days. */
  apiKeyDays: 90,
  /** Passwords that a process hashes at a time. Each takes 19 MiB, and one of the four threads that files and tokens need too. */
  hashesAtATime: 2,
  /** Passwords that wait for that; beyond them `overloaded`. At about 20 ms each the last of them waits for 0.7 s. */
  hashesWaiting: 64,
  /** Settings as JSON text in UTF-8. */
  settingsBytes: 16 * 1_024,
  settingsDepth: 16,
} as const;
