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
  /** Settings as JSON text in UTF-8. */
  settingsBytes: 16 * 1_024,
  settingsDepth: 16,
} as const;
