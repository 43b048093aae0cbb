/** The settings: what is unsafe where it is used, as far as that can be told from here. */
import type { Config } from '../config.ts';
import { type Check, type Finding, ok, warn } from './finding.ts';

const name = 'configuration';

export function checkConfig(config: Config): Check {
  return {
    name,
    boundMs: 1_000,
    run: async () => {
      const found = [...secretFindings(config), ...(config.environment === 'production' ? productionFindings(config) : [])];
      const where = config.environment === 'production' ? 'production' : `${config.environment}, not production`;
      return [ok(name, `every value is valid; NODE_ENV is ${where}`), ...found];
    },
  };
}

/** Of 32 random bytes, however they are written, no text has fewer different characters than this but once in a million. */
const minCharacters = 10;

function secretFindings({ jwtSecret, dataDir }: Config): readonly Finding[] {
  if (jwtSecret === null) return [ok(name, `JWT_SECRET is not set: one is made and kept in ${dataDir}`)];
  if (new Set(jwtSecret).size >= minCharacters && !/secret|password|change|example|default/i.test(jwtSecret)) return [];
  const message = 'JWT_SECRET looks like words or a pattern: whoever guesses it signs tokens of anybody';
  return [warn(name, message, 'set it to what `openssl rand -base64 32` writes; everybody then logs in again')];
}

function productionFindings(config: Config): readonly Finding[] {
  const found: Finding[] = [];
  if (config.databaseUrl === null) {
    const message = 'the embedded database serves one process alone';
    found.push(warn(name, message, 'set DATABASE_URL to a PostgreSQL with pgvector where more than one node is wanted'));
  } else if (isPlainAcrossNetwork(config.databaseUrl)) {
    found.push(
      warn(name, 'DATABASE_URL goes over a network without TLS', 'add ?sslmode=verify-full to it, or keep the network private'),
    );
  }
  if (config.trustProxy.length === 0) {
    const message = 'TRUST_PROXY is empty: behind a balancer all callers have its address, and share its limits';
    found.push(warn(name, message, 'set it to the addresses of the balancer; leave it empty where there is none'));
  }
  if (config.corsOrigins.includes('*')) {
    found.push(warn(name, 'CORS_ORIGIN lets pages of any origin call', 'name the origins that may'));
  }
  if (config.logLevel === 'debug' || config.logLevel === 'trace') {
    found.push(warn(name, `LOG_LEVEL is ${config.logLevel}: much is written`, 'set it to info'));
  }
  return found;
}

const localHosts = new Set(['localhost', '127.0.0.1', '[::1]', '']);

function isPlainAcrossNetwork(databaseUrl: string): boolean {
  const url = new URL(databaseUrl);
  if (localHosts.has(url.hostname) || url.searchParams.has('host')) return false;
  return !/^(require|verify-ca|verify-full)$/.test(url.searchParams.get('sslmode') ?? '');
}
