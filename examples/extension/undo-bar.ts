/** Offers to take the last thing back, for a while. */
import { h, iconButton } from './dom.ts';

export interface UndoBar {
  offer(what: string, undo: () => Promise<void>): void;
  /** The same as its button. */
  undo(): void;
}

const offeredMs = 12_000;

export function createUndoBar(place: HTMLElement): UndoBar {
  let take: (() => Promise<void>) | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;

  function hide(): void {
    clearTimeout(timer);
    take = null;
    place.replaceChildren();
  }
  function undo(): void {
    const taken = take;
    hide();
    taken?.().catch((error: unknown) =>
      place.replaceChildren(h('p', { class: 'bar' }, `That could not be taken back: ${error}`)),
    );
  }
  return {
    undo,
    offer(what, next) {
      hide();
      take = next;
      place.replaceChildren(
        h(
          'p',
          { class: 'bar' },
          what,
          h('button', { type: 'button', class: 'link', on: { click: undo } }, 'Undo'),
          iconButton('close', 'Dismiss', hide),
        ),
      );
      timer = setTimeout(hide, offeredMs);
    },
  };
}
