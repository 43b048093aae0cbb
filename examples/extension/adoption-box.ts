/** Brings in what an older memory extension with the same id left in this browser, once. */
import type { AdoptionProgress, Client } from '../../src/client/index.ts';
import { h } from './dom.ts';

const oldDatabase = 'MemoryLayerDB';

/** Null when there is nothing to bring in. */
export async function createAdoptionBox(client: Client): Promise<HTMLElement | null> {
  const databases = await indexedDB.databases();
  if (!databases.some(({ name }) => name === oldDatabase)) return null;
  const outcome = h('div', { role: 'status' });
  const start = h('button', { type: 'button', class: 'primary' }, 'Bring them in');
  start.addEventListener('click', () => void adopt());

  async function adopt(): Promise<void> {
    start.disabled = true;
    outcome.replaceChildren(h('progress'));
    try {
      show(await client.adopt({ database: oldDatabase, onProgress: show }));
      start.remove();
    } catch (error) {
      start.disabled = false;
      outcome.replaceChildren(
        h('p', { class: 'problem' }, `Not all of them yet: ${error}. Start again to go on where it stopped.`),
      );
    }
  }
  function show({ read, adopted, skipped }: AdoptionProgress): void {
    const reasons = skipped.slice(0, 20).map(({ key, reason }) => h('li', {}, `${key}: ${reason}`));
    outcome.replaceChildren(
      h('p', {}, `${adopted} brought in, of ${read}${skipped.length === 0 ? '.' : `; ${skipped.length} could not be:`}`),
      (reasons.length > 0 && h('ul', { class: 'skipped' }, ...reasons)) || '',
    );
  }
  return h(
    'section',
    { class: 'box' },
    h('h2', {}, 'Memories of an older extension'),
    h(
      'p',
      { class: 'hint' },
      `This browser holds a database “${oldDatabase}”. Its memories can be brought in; it stays as it is.`,
    ),
    outcome,
    h('div', { class: 'buttons' }, start),
  );
}
