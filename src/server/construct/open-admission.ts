/** Who gets a turn, by the system's clock. */
import { type Admission, createAdmission } from '../admission/admission.ts';
import type { Config } from '../config.ts';
import { toAdmissionOptions } from '../edge/admission-options.ts';
import type { Metrics } from '../metrics/metrics.ts';

export function openAdmission(config: Config, metrics: Pick<Metrics, 'refused'>): Admission {
  const reasons = { full: 'queue_full', own_full: 'own_queue_full', late: 'queue_late' } as const;
  return createAdmission(
    {
      now: () => performance.now(),
      setTimer(callback, ms) {
        const timer = setTimeout(callback, ms);
        return () => clearTimeout(timer);
      },
      onRefused: (kind) => metrics.refused(reasons[kind]),
    },
    toAdmissionOptions(config),
  );
}
