/** Elements in one expression. Text is always text: nothing here parses HTML, so no memory can bring markup along. */

type Listener = (event: Event) => void;

export interface Attributes {
  readonly class?: string;
  /** Event name → listener. */
  readonly on?: Readonly<Record<string, Listener>>;
  readonly [attribute: string]: string | number | boolean | undefined | Readonly<Record<string, Listener>>;
}

export type Child = Node | string | null | false;

/** `true` sets an empty attribute; `false` and `undefined` leave it out. */
export function h<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  { on = {}, ...attributes }: Attributes = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[Tag] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== false) element.setAttribute(name, value === true ? '' : String(value));
  }
  for (const [name, listener] of Object.entries(on)) element.addEventListener(name, listener);
  element.append(...children.filter((child) => child !== null && child !== false));
  return element;
}

/** The element of the page with this id, which the page's own HTML has. */
export function byId<Element extends HTMLElement>(id: string): Element {
  const element = document.getElementById(id);
  if (element === null) throw new Error(`the page has no #${id}`);
  return element as Element;
}

/** Drawn on 24 × 24 with the colour of the text. */
const pathByIcon = {
  add: 'M12 5v14M5 12h14',
  back: 'M15 5l-7 7 7 7',
  close: 'M6 6l12 12M18 6L6 18',
  delete: 'M5 7h14M10 7V5h4v2M7 7l1 12h8l1-12',
  edit: 'M5 19h3l10-10-3-3L5 16v3M13 8l3 3',
  link: 'M10 14l8-8M12 6h6v6M17 14v4H6V7h4',
  retry: 'M19 12a7 7 0 1 1-2-5l2 2M19 4v5h-5',
  search: 'M11 17a6 6 0 1 0 0-12 6 6 0 0 0 0 12M15.5 15.5L20 20',
  settings: 'M5 7h9M18 7h1M5 12h2M11 12h8M5 17h7M16 17h3M16 5v4M9 10v4M14 15v4',
  side: 'M4 5h16v14H4zM14 5v14',
} as const;

export type Icon = keyof typeof pathByIcon;

export function icon(name: Icon): SVGElement {
  const namespace = 'http://www.w3.org/2000/svg';
  const svg = document.createElementNS(namespace, 'svg');
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.setAttribute('class', 'icon');
  svg.setAttribute('aria-hidden', 'true');
  const path = document.createElementNS(namespace, 'path');
  path.setAttribute('d', pathByIcon[name]);
  svg.append(path);
  return svg;
}

/** A button that shows an icon and says its label. */
export function iconButton(name: Icon, label: string, onClick: () => void, attributes: Attributes = {}): HTMLButtonElement {
  const listeners = { click: onClick };
  return h(
    'button',
    { type: 'button', class: 'icon-button', 'aria-label': label, title: label, on: listeners, ...attributes },
    icon(name),
  );
}
