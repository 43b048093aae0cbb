/**
 * How long a server asks to wait, ms, by its header Retry-After: seconds, or a date by the server's own clock, which its `date`
 * shows (RFC 9110). Undefined where it asks for nothing that can be read.
 */
export function retryAfterMs(headers: NamedValues | undefined): number | undefined {
  const text = headers?.get('retry-after') ?? '';
  if (/^\d{1,9}(?:\.\d+)?$/.test(text)) return Number(text) * 1_000;
  const ms = Date.parse(text) - Date.parse(headers?.get('date') ?? '');
  return Number.isNaN(ms) ? undefined : Math.max(0, ms);
}

/** What is needed of Headers. */
interface NamedValues {
  get(name: string): string | null;
}
