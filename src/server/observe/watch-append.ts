/** The append, counted and traced. A group is done for many requests: its span is linked to theirs, the child of none. */
import type { AppendWatch } from '../command/append.ts';
import type { AppendRequest } from '../command/append-request.ts';
import type { GroupCommit } from '../command/group-commit.ts';
import type { AppendMetrics } from '../metrics/append-metrics.ts';
import type { TraceLink, Tracing } from '../tracing/tracing.ts';

export interface WatchedAppend {
  readonly watch: AppendWatch;
  /** What submits goes through it, so that a group knows where its requests came from. */
  wrap(append: GroupCommit): GroupCommit;
}

/** A span is not made larger by the size of a group. */
const maxLinks = 32;

export function watchAppend(metrics: AppendMetrics, tracing: Tracing | null): WatchedAppend {
  const counted = { onGroup: metrics.group, onTally: metrics.committed };
  if (tracing === null) return { watch: counted, wrap: (append) => append };
  const originByRequest = new WeakMap<AppendRequest, TraceLink>();
  return {
    watch: {
      ...counted,
      around(step, requests, work) {
        const asked = requests();
        const links = asked.flatMap((request) => originByRequest.get(request) ?? []).slice(0, maxLinks);
        const attributes = { 'aibrain.requests': asked.length };
        return tracing.span({ name: `append ${step}`, parent: 'none', links, attributes }, work);
      },
    },
    wrap: (append) => ({
      ...append,
      submit(request) {
        const origin = tracing.here();
        if (origin !== null) originByRequest.set(request, origin);
        // The lane that the first request starts serves all that follow.
        return tracing.inner({ name: 'append' }, () => tracing.detached(() => append.submit(request)));
      },
    }),
  };
}
