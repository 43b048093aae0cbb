/** Several tabs of one profile: one replica, one connection, everybody writes. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Client } from '../../src/client/client-api.ts';
import { createTabHub, type TabHub } from '../../src/client/tab-hub.ts';
import { createVolatilePlace, type VolatilePlace } from '../../src/client/volatile-place.ts';
import { createVolatileStore } from '../../src/client/volatile-store.ts';
import { type Api, createApi, type EventList } from '../support/api.ts';
import { until, untilStatus, useClients } from '../support/client.ts';
import { startTestServer, type TestServer } from '../support/server.ts';
