/** The settings that say how much may be under way. */
import type { AdmissionOptions } from '../admission/admission.ts';
import type { Config } from '../config.ts';

export function toAdmissionOptions(config: Config): AdmissionOptions {
  return {
    requests: config.requestsInFlight,
    requestsOfOne: config.requestsPerUser,
    searches: config.searchesInFlight,
    ingests: config.ingestsInFlight,
    transfers: config.transfersInFlight,
    waitMs: config.queueSeconds * 1_000,
    byAddress: config.rateLimit === 'on',
  };
}
