/** Every check of the kit, in the order in which they are reported. */
import type { Check } from './check.ts';
import { accessChecks } from './checks/access.ts';
import { deltaChecks } from './checks/delta.ts';
import { flowChecks } from './checks/flow.ts';
import { formChecks } from './checks/forms.ts';
import { handshakeChecks } from './checks/handshake.ts';
import { historyChecks } from './checks/history.ts';
import { httpChecks } from './checks/http.ts';
import { malformedChecks } from './checks/malformed.ts';
import { mergeChecks } from './checks/merge.ts';
import { pushChecks } from './checks/push.ts';
import { snapshotChecks } from './checks/snapshot.ts';

export const checks: readonly Check[] = [
  ...handshakeChecks,
  ...formChecks,
  ...malformedChecks,
  ...pushChecks,
  ...deltaChecks,
  ...snapshotChecks,
  ...mergeChecks,
  ...historyChecks,
  ...flowChecks,
  ...accessChecks,
  ...httpChecks,
];
