/** The keys, as they are set in this browser. */
import { h } from './dom.ts';

export function createShortcutBox(): HTMLElement {
  const list = h('dl');
  void chrome.commands.getAll().then((commands) => {
    for (const { name, description, shortcut } of commands) {
      const what = name === '_execute_action' ? 'Open AIBrain' : (description ?? '');
      list.append(h('dt', {}, what), h('dd', {}, shortcut ? h('kbd', {}, shortcut) : 'not set'));
    }
  });
  return h(
    'section',
    { class: 'box' },
    h('h2', {}, 'Keys'),
    list,
    h('p', { class: 'hint' }, 'They can be changed at chrome://extensions/shortcuts.'),
  );
}
