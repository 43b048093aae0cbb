/** What /metrics says after a user's day, and that docs, dashboard and alert rules speak of the same. */
import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { parser } from '@prometheus-io/lezer-promql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { describeOnEachEngine } from '../../support/databases.ts';
import { type Exercise, exercise, startExerciseVendor } from '../../support/exercise.ts';
import type { OpenAiServer } from '../../support/openai-server.ts';
import { startTestServer, type TestServer } from '../../support/server.ts';

const root = join(import.meta.dirname, '../../..');
/** Debian has it in the package prometheus. */
const promtool = ['/usr/bin/promtool', '/usr/local/bin/promtool'].find((path) => existsSync(path)) ?? null;
const textOf = (path: string): string => readFileSync(join(root, path), 'utf8');

describeOnEachEngine('metrics', (open, engine) => {
  let vendor: OpenAiServer;
  let server: TestServer;
  let done: Exercise;
  let text = '';
  beforeAll(async () => {
    const made = await startExerciseVendor();
    vendor = made.vendor;
    server = await startTestServer({ database: await open(), env: made.env });
    done = await exercise(server);
    text = await (await fetch(`${server.url}/metrics`)).text();
  }, 120_000);
  afterAll(async () => {
    await server?.[Symbol.asyncDispose]();
    await vendor?.[Symbol.asyncDispose]();
  });

  const sample = (series: string): number => {
    const line = text.split('\n').find((one) => one.startsWith(`${series} `));
    return line === undefined ? Number.NaN : Number(line.slice(series.length + 1));
  };

  it.each([
    ['aibrain_http_request_duration_seconds_count{method="POST",route="/api/v1/memories",status="2xx"}', 1],
    ['aibrain_http_request_duration_seconds_count{method="POST",route="/api/v1/memories",status="4xx"}', 1],
    ['aibrain_http_request_duration_seconds_count{method="POST",route="/api/v1/auth/login",status="4xx"}', 1],
    ['aibrain_http_request_duration_seconds_count{method="any",route="unmatched",status="4xx"}', 1],
    ['aibrain_sync_sockets_opened_total', 1],
    ['aibrain_sync_sockets_closed_total{code="1000"}', 1],
    ['aibrain_sync_sockets', 0],
    ['aibrain_sync_sockets_closed_total{code="other"}', 0],
    ['aibrain_events_total{outcome="applied"}', 6],
    ['aibrain_events_total{outcome="superseded"}', 1],
    ['aibrain_events_total{outcome="rejected"}', 0],
    ['aibrain_conflicts_opened_total', 2],
    ['aibrain_append_queued_ops', 0],
    ['aibrain_recall_lag_users{projection="words"}', 0],
    ['aibrain_recall_lag_events{projection="vectors"}', 0],
    // One of them by the conversation, for what is known already.
    ['aibrain_search_duration_seconds_count{mode="hybrid"}', 2],
    ['aibrain_search_duration_seconds_count{mode="semantic"}', 1],
    ['aibrain_search_duration_seconds_count{mode="keyword"}', 1],
    ['aibrain_ingest_duration_seconds_count{outcome="read"}', 1],
    ['aibrain_ingested_candidates_total{result="created"}', 1],
    ['aibrain_extraction_tokens_total{direction="input"}', 11],
    ['aibrain_import_records_total{result="imported"}', 1],
    ['aibrain_accesses_total', 1],
    ['aibrain_embedding_failures_total{use="query"}', 0],
    ['aibrain_database_up', 1],
  ])('%s is %d', (series, expected) => {
    expect(sample(series)).toBe(expected);
  });

  it('counts what varies with the machine, too', () => {
    for (const series of [
      'aibrain_sync_frames_total{direction="in"}',
      'aibrain_sync_frames_total{direction="out"}',
      'aibrain_sync_frame_bytes_total{direction="out"}',
      'aibrain_append_group_ops_count',
      'aibrain_append_group_duration_seconds_count{way="statement"}',
      'aibrain_embedded_texts_total',
      'aibrain_provider_requests_total{kind="embedding",answer="2xx"}',
      'aibrain_provider_requests_total{kind="extraction",answer="2xx"}',
      'aibrain_search_plans_total{plan="exact"}',
      'aibrain_database_duration_seconds_count{kind="statement"}',
      'aibrain_database_duration_seconds_count{kind="transaction"}',
      'process_cpu_seconds_total',
    ]) {
      expect(sample(series), series).toBeGreaterThan(0);
    }
    expect(sample('aibrain_database_pool_connections{state="max"}')).toEqual(engine === 'pglite' ? Number.NaN : 10);
  });

  it('[SEC-4] no label and no value comes from a user', () => {
    for (const secret of done.secrets) expect(text).not.toContain(secret);
    expect(text).not.toMatch(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/);
    expect(text).not.toContain('example.org');
  });

  it('docs/METRICS.md has every metric with its type, labels and meaning, and no other', () => {
    const documented = readDocumented();
    const types = new Map([...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => [name, type]));
    const told = [...text.matchAll(/^# HELP (\S+) (.*)$/gm)].map(([, name = '', meaning]) => [name, types.get(name), meaning]);
    expect(documented.map(({ name, type, meaning }) => [name, type, meaning]).sort()).toEqual(told.sort());
    const labelsByName = new Map(documented.map(({ name, labels }) => [name, labels]));
    for (const [, series = '', given = ''] of text.matchAll(/^([a-z_]+)\{([^}]*)\}/gm)) {
      const name = labelsByName.has(series) ? series : series.replace(/_(bucket|sum|count)$/, '');
      const labels = [...given.matchAll(/(\w+)="/g)].map(([, label = '']) => label).filter((label) => label !== 'le');
      expect({ series, labels: labels.sort() }).toEqual({ series, labels: labelsByName.get(name)?.toSorted() });
    }
  });

  describe.each([
    ['deploy/grafana/aibrain.json', dashboardExpressions],
    ['deploy/prometheus/alerts.yml', alertExpressions],
  ])('%s', (path, read) => {
    it('asks for metrics and labels that there are, in PromQL that parses', () => {
      const expressions = read(textOf(path));
      expect(expressions.length).toBeGreaterThan(10);
      const names = new Set([...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].flatMap(([, name = '', type]) => seriesOf(name, type)));
      const labels = new Set(['le', 'job', 'instance', ...readDocumented().flatMap((metric) => metric.labels)]);
      for (const expression of expressions) {
        const asked = readExpression(expression);
        expect(
          asked.metrics.filter((name) => name !== 'up' && !names.has(name)),
          expression,
        ).toEqual([]);
        expect(
          asked.labels.filter((label) => !labels.has(label)),
          expression,
        ).toEqual([]);
      }
    });
  });

  it.skipIf(promtool === null)('Prometheus’ own tool takes rules and configuration', async () => {
    const check = (what: string, file: string) =>
      promisify(execFile)(promtool ?? '', ['check', what, join(root, 'deploy/prometheus', file)]);
    expect((await check('rules', 'alerts.yml')).stdout).toMatch(/SUCCESS: \d+ rules found/);
    expect((await check('config', 'prometheus.yml')).stdout).toContain('SUCCESS');
  });

  it('[house] the check of an expression finds what is wrong', () => {
    expect(() => readExpression('sum(')).toThrow('sum(');
    expect(readExpression('rate(nothing_total{of="it"}[5m])')).toEqual({ metrics: ['nothing_total'], labels: ['of'] });
  });
});

interface Documented {
  readonly name: string;
  readonly type: string;
  readonly labels: readonly string[];
  readonly meaning: string;
}

function readDocumented(): readonly Documented[] {
  return [...textOf('docs/METRICS.md').matchAll(/^\| `(\w+)` +\| (\w+) +\| (.*?) *\| (.*?) *\|$/gm)].map(
    ([, name = '', type = '', labels = '', meaning = '']) => ({
      name,
      type,
      labels: labels === '' ? [] : labels.split(', '),
      meaning,
    }),
  );
}

const seriesOf = (name: string, type: string | undefined): readonly string[] =>
  type === 'histogram' ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name];

function dashboardExpressions(text: string): readonly string[] {
  interface Panel {
    readonly targets?: readonly { readonly expr: string }[];
  }
  const { panels } = JSON.parse(text) as { readonly panels: readonly Panel[] };
  const asked = panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));
  // Grafana puts its variables in first.
  return asked.map((expression) => expression.replaceAll('$__rate_interval', '5m'));
}

function alertExpressions(text: string): readonly string[] {
  interface Rules {
    readonly groups: readonly { readonly rules: readonly { readonly expr: string }[] }[];
  }
  return (parse(text) as Rules).groups.flatMap(({ rules }) => rules.map(({ expr }) => expr));
}

function readExpression(expression: string): { readonly metrics: readonly string[]; readonly labels: readonly string[] } {
  const metrics: string[] = [];
  const labels: string[] = [];
  parser.parse(expression).iterate({
    enter({ name, type, from, to }) {
      if (type.isError) throw new Error(`no PromQL at ${from}: ${expression}`);
      if (name === 'Identifier') metrics.push(expression.slice(from, to));
      if (name === 'LabelName') labels.push(expression.slice(from, to));
    },
  });
  return { metrics, labels };
}
