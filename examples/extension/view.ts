/** A view of the panel: an element, and the way to bring it up to date. */
export interface View {
  readonly element: HTMLElement;
  /** Called when anything may have changed; cheap when nothing did. */
  refresh(): void;
  /** The view goes away. */
  close?(): void;
}
