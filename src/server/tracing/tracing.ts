/**
 * Traces, as the rest of the server sees them. Who opens them decides whether there are any: without a place to send them to
 * there is no object of this kind, and no package is loaded. Names and attributes are constants, counts and classes: no
 * content, no e-mail, no token, no value of a statement (SEC-4).
 */

export type Attributes = Readonly<Record<string, string | number | boolean>>;

export interface SpanWhat {
  readonly name: string;
  /** Default: internal. `client` waits for somebody else, `server` answers somebody. */
  readonly kind?: 'client' | 'server';
  readonly attributes?: Attributes;
  /** What it is done for, where these are several. */
  readonly links?: readonly TraceLink[];
  /** `none`: begins a trace of its own, whatever is under way. */
  readonly parent?: 'none';
}

/** Names a span from elsewhere. Opaque. */
export interface TraceLink {
  readonly traceId: string;
  readonly spanId: string;
  readonly traceFlags: number;
}

export interface OpenSpan {
  set(attributes: Attributes): void;
}

export interface RequestSpan {
  end(status: number): void;
}

export interface Tracing {
  /** Runs the work in a span, the child of what is under way. An error marks it, by its class alone, and goes on. */
  span<T>(what: SpanWhat, work: (span: OpenSpan) => Promise<T>): Promise<T>;
  /** As `span`, but only within another one: what a timer does by itself would be a trace of nothing. */
  inner<T>(what: SpanWhat, work: (span: OpenSpan) => Promise<T>): Promise<T>;
  /** Begins the span of a request, under the caller's own (W3C traceparent) where it names one, and goes on in it. */
  request(what: SpanWhat, traceparent: string | undefined, goOn: () => void): RequestSpan;
  /** What is under way here. */
  here(): TraceLink | null;
  /** Runs the work outside of every span: what it starts outlives the one that came first. */
  detached<T>(work: () => T): T;
  /** Sends what is left. Never rejects, and waits no longer than a few seconds. */
  close(): Promise<void>;
}

export interface TracingOptions {
  /** Base address of an OTLP collector over HTTP, as in http://127.0.0.1:4318; null: no traces. */
  readonly endpoint: string | null;
  readonly headers: Readonly<Record<string, string>>;
  readonly serviceName: string;
  readonly version: string;
  /** Of the traces that begin here, 0 to 1; a caller's own decision stands. */
  readonly ratio: number;
}
