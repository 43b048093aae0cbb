/** Which web origins may call: one list for CORS and for sockets. */

/** An origin; `chrome-extension://*`, for Firefox gives each installation another id; or `*` for any. */
export type AllowedOrigin = string;

const extensionSchemes = ['chrome-extension', 'moz-extension', 'safari-web-extension'];

/** @param allowed of CORS_ORIGIN. */
export function createOriginCheck(allowed: readonly AllowedOrigin[]): (origin: string) => boolean {
  const exact = new Set(allowed.map((origin) => origin.toLowerCase()));
  const schemes = extensionSchemes.filter((scheme) => exact.has(`${scheme}://*`)).map((scheme) => `${scheme}://`);
  return (origin) => {
    const lower = origin.toLowerCase();
    // `null` is the origin of every sandboxed frame and local file, and so of nobody in particular.
    if (lower === 'null') return false;
    return exact.has('*') || exact.has(lower) || schemes.some((scheme) => lower.startsWith(scheme));
  };
}

/** A page of this server itself. */
export function isSameOrigin(origin: string, host: string | undefined): boolean {
  return host !== undefined && URL.canParse(origin) && new URL(origin).host === host.toLowerCase();
}
