/** What `aibrain doctor` tries with. */
import type { Config } from '../config.ts';
import type { DoctorDeps } from '../doctor/doctor.ts';
import { createEmbedders } from '../embed/embedders.ts';
import { createLexicalEmbedder } from '../embed/lexical-embedder.ts';
import { createMetrics } from '../metrics/metrics.ts';
import { readVersion } from '../package.ts';
import { openDatabase, readSchemaVersion } from './open-database.ts';
import { openProvider } from './open-provider.ts';

export async function createDoctorDeps(config: Config): Promise<DoctorDeps> {
  const { redisUrls: urls, redisCluster } = config;
  const { probeRedis } = await import('../infra/redis-probe.ts');
  return {
    openDatabase: () => openDatabase(config),
    probeRedis: urls === null ? null : () => probeRedis({ urls, isCluster: redisCluster === 'on' }),
    async openProviders() {
      const metrics = createMetrics({ version: readVersion(), engine: 'none' });
      const provider = await openProvider(config, { metrics, tracing: null });
      const lexical = createLexicalEmbedder();
      const { present } = createEmbedders({ lexical, ofProvider: provider?.embedderOf ?? null }, config.embeddingModel);
      return { embedder: present === lexical ? null : present, chatModel: provider?.chatModel ?? null };
    },
    now: Date.now,
    nodeVersion: process.versions.node,
    schemaVersion: readSchemaVersion(),
  };
}
