/** What /metrics says of a server. */
export async function readMetric(url: string, name: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const line = text.split('\n').find((each) => each.startsWith(`${name} `));
  return Number(line?.slice(name.length + 1));
}

/** Asks until it holds. Each question is a request, so the server gets on with its work; the test's own time ends it. */
export async function untilMetric(url: string, name: string, holds: (value: number) => boolean): Promise<void> {
  while (!holds(await readMetric(url, name)));
}
