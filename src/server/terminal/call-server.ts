/** Requests of the command line to a running server. */

export interface ServerCall {
  readonly url: string;
  /** Below /api/v1. */
  readonly path: string;
  readonly token?: string;
  readonly init?: RequestInit & { readonly duplex?: 'half' };
}

/** @throws Error whose message is for people: what the server answered, or that it does not. */
export async function callServer({ url, path, token, init = {} }: ServerCall): Promise<Response> {
  const headers = { ...init.headers, ...(token !== undefined && { authorization: `Bearer ${token}` }) };
  const response = await fetch(new URL(`/api/v1${path}`, url), { ...init, headers }).catch((error: Error) => {
    throw new Error(`${url} does not answer: ${error.cause instanceof Error ? error.cause.message : error.message}`);
  });
  if (response.ok) return response;
  const problem = (await response.json().catch(() => ({}))) as {
    detail?: string;
    errors?: readonly { path: string; message: string }[];
  };
  const fields = (problem.errors ?? []).map(({ path: field, message }) => `${field} ${message}`);
  throw new Error([`${response.status}`, problem.detail ?? '', ...fields].join(' ').trim());
}
