/** Asynchronous work on many items, a bounded number at once. Results in the order of the items. */
export async function mapAtOnce<T, R>(items: readonly T[], atOnce: number, work: (item: T) => Promise<R>): Promise<readonly R[]> {
  const results = new Array<R>(items.length);
  const entries = items.entries();
  const lane = async (): Promise<void> => {
    // One iterator for all lanes: each item is taken once.
    for (const [index, item] of entries) results[index] = await work(item);
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, lane));
  return results;
}
