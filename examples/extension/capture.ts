/** Takes the selection of a tab: read by a script that runs in the page once, when the person asks for it. */
import { memoryLimits, type NewMemory } from '../../src/client/index.ts';
import { platformOf } from './platform-of.ts';

export interface CaptureRequest {
  readonly tab: chrome.tabs.Tab;
  /** The frame in which it was asked for. Default: the page itself. */
  readonly frameId?: number | undefined;
  /** What the browser says is selected: without line breaks, but also where no script may run. */
  readonly selectionText?: string | undefined;
}

/** Null when nothing is selected. */
export async function captureSelection(
  { tab, frameId, selectionText }: CaptureRequest,
  nowMs: number,
): Promise<NewMemory | null> {
  const page = tab.id === undefined ? null : await readPage(tab.id, frameId);
  const content = (page?.selection || selectionText || '').trim();
  if (content === '') return null;
  const url = tab.url ?? page?.url ?? '';
  const title = (tab.title ?? page?.title ?? '').trim().slice(0, memoryLimits.sourceTextChars).toWellFormed();
  const source = {
    ...(isWebAddress(url) && { url }),
    ...(title !== '' && { title }),
    ...platformOf(url),
    timestamp: new Date(nowMs).toISOString(),
  };
  return { content: content.replaceAll('\0', '').toWellFormed(), type: 'fact', scope: 'user_global', source };
}

interface Page {
  readonly selection: string;
  readonly url: string;
  readonly title: string;
}

async function readPage(tabId: number, frameId: number | undefined): Promise<Page | null> {
  const target = frameId === undefined ? { tabId } : { tabId, frameIds: [frameId] };
  try {
    const [answer] = await chrome.scripting.executeScript({ target, func: readSelection });
    return answer?.result ?? null;
  } catch {
    // Pages of the browser itself and of its shop take no script.
    return null;
  }
}

/** Runs in the page, so it can use nothing from outside itself. */
function readSelection(): Page {
  const field = document.activeElement;
  const isField = field instanceof HTMLTextAreaElement || (field instanceof HTMLInputElement && field.type !== 'password');
  const inField = isField ? field.value.slice(field.selectionStart ?? 0, field.selectionEnd ?? 0) : '';
  return { selection: inField || String(getSelection() ?? ''), url: location.href, title: document.title };
}

const isWebAddress = (url: string): boolean => /^https?:/.test(url) && url.length <= memoryLimits.sourceUrlChars;
