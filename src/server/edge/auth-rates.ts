/** Requests of one address in a minute, where passwords and refresh tokens could be guessed (SEC-3). */
export const authRates = {
  register: 10,
  login: 10,
  /** Also what proves a password again: changing it, deleting the account. */
  password: 10,
  refresh: 60,
} as const;
