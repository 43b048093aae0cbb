/** POST /memories/ingest without a model: the rules read, and everything around them is as with one. */
import { randomUUID } from 'node:crypto';
import { expect, it } from 'vitest';
import type { MemoryJson } from '../../../src/server/edge/memory-json.ts';
import { type Api, type EventList, type MemoryList, useServer } from '../../support/api.ts';
import { describeOnEachEngine } from '../../support/databases.ts';
import { type Ingested, ingest } from '../../support/ingest.ts';

const user = (content: string, at?: string) => ({ role: 'user', content, ...(at !== undefined && { at }) });
const assistant = (content: string) => ({ role: 'assistant', content });

const contentsOf = ({ created }: Ingested): readonly string[] => created.map(({ content }) => content);
const reasonsOf = ({ skipped }: Ingested): readonly string[] => skipped.map(({ reason }) => reason);

const live = async (api: Api): Promise<readonly MemoryJson[]> => (await api.get<MemoryList>('/memories?limit=200')).body.memories;

describeOnEachEngine('/memories/ingest', (open) => {
  const fixture = useServer(open);

  it('makes memories of what the user says, and says that rules read it', async () => {
    const api = await fixture.login();
    const answer = await ingest(api, {
      messages: [
        user('Hello! My name is Ada and I live in Paris. What is 2 + 2?', '2026-01-05T09:00:00Z'),
        assistant('4. I prefer to be called Bot.'),
        user('I prefer tea to coffee.', '2026-01-05T09:01:00Z'),
      ],
      context: { platform: 'chatgpt', conversationId: 'c1', url: 'https://chat.example/c1', title: 'Names' },
    });
    expect(answer).toMatchObject({ extractor: 'rules', model: null, skipped: [], updated: [], gated: {}, dryRun: false });
    expect(contentsOf(answer)).toEqual(['My name is Ada', 'I live in Paris.', 'I prefer tea to coffee.']);
    const [name, , tea] = answer.created;
    expect(name).toMatchObject({ type: 'fact', scope: 'user_global', messages: [0] });
    expect(tea).toMatchObject({ type: 'preference', messages: [2] });
    const stored = await api.get<MemoryJson>(`/memories/${tea?.id}`);
    expect(stored.body).toMatchObject({
      content: 'I prefer tea to coffee.',
      source: {
        platform: 'chatgpt',
        conversationId: 'c1',
        url: 'https://chat.example/c1',
        title: 'Names',
        timestamp: '2026-01-05T09:01:00Z',
      },
    });
  });

  it('[LOG-7] each memory is an event of the server for the device that asked', async () => {
    const api = await fixture.login();
    const { created } = await ingest(api, { messages: [user('I prefer tea. I live in Bern.')] });
    expect(await api.head()).toBe(2);
    const history = await api.get<EventList>(`/memories/${created[0]?.id}/history`);
    expect(history.body.events).toHaveLength(1);
    expect(history.body.events[0]).toMatchObject({ kind: 'create', outcome: 'applied' });
  });

  it('takes a text with turns', async () => {
    const api = await fixture.login();
    const answer = await ingest(api, {
      conversationText: 'User: My name is Ada\nAssistant: My name is Bot\nUser: I love\nchess',
    });
    expect(contentsOf(answer)).toEqual(['My name is Ada', 'I love chess']);
    const plain = await ingest(api, { conversationText: 'I prefer tea.' });
    expect(contentsOf(plain)).toEqual(['I prefer tea.']);
  });

  it('reads each message once, and of a conversation that has grown the new part', async () => {
    const api = await fixture.login();
    const messages = [user('I prefer tea.'), assistant('Good.'), user('ok')];
    const context = { conversationId: randomUUID() };
    const first = await ingest(api, { messages, context });
    const again = await ingest(api, { messages, context });
    expect(again.created).toEqual([]);
    expect(again.skipped).toEqual([
      { content: 'I prefer tea.', reason: 'already_ingested', memoryId: first.created[0]?.id },
      { content: 'Good.', reason: 'already_ingested' },
      { content: 'ok', reason: 'already_ingested' },
    ]);
    const grown = await ingest(api, { messages: [...messages, user('ok'), user('I live in Bern.')], context });
    expect(contentsOf(grown)).toEqual(['I live in Bern.']);
    expect(grown.created[0]?.messages).toEqual([4]);
    expect(grown.skipped).toHaveLength(3);
    expect(await api.head()).toBe(2);
  });

  it('knows a conversation without an id by its address, or by how it begins', async () => {
    const api = await fixture.login();
    const url = `https://chat.example/${randomUUID()}`;
    await ingest(api, { messages: [user('I prefer tea.')], context: { url } });
    expect(reasonsOf(await ingest(api, { messages: [user('I prefer tea.')], context: { url: `${url}#top` } }))).toEqual([
      'already_ingested',
    ]);
    await ingest(api, { messages: [user('Hi there'), user('I live in Bern.')] });
    const grown = await ingest(api, { messages: [user('Hi there'), user('I live in Bern.'), user('I love chess.')] });
    expect(contentsOf(grown)).toEqual(['I love chess.']);
  });

  it('what was deleted or changed since is not written again, and another conversation makes no double', async () => {
    const api = await fixture.login();
    const { created } = await ingest(api, {
      messages: [user('I prefer tea. I live in Bern.')],
      context: { conversationId: 'a' },
    });
    const same = await ingest(api, { messages: [user('i PREFER  tea.')], context: { conversationId: 'b' } });
    expect(same.created).toEqual([]);
    expect(same.skipped).toEqual([{ content: 'I PREFER tea.', reason: 'duplicate', memoryId: created[0]?.id }]);
    await api.call('DELETE', `/memories/${created[0]?.id}`);
    await ingest(api, { messages: [user('I prefer tea. I live in Bern.')], context: { conversationId: 'a' } });
    expect((await live(api)).map(({ content }) => content)).toEqual(['I live in Bern.']);
  });

  it('an ingestion that was cut short before it was recorded makes no double', async () => {
    const api = await fixture.login();
    const request = {
      messages: [user('I prefer tea. I live in Bern.', '2026-01-05T09:00:00Z')],
      context: { conversationId: 'a' },
    };
    const first = await ingest(api, request);
    await fixture.server.deps.db.query('delete from ingested_messages where user_id = $1::uuid', [api.user.user.id]);
    // One of the two was not written, either.
    await api.call('DELETE', `/memories/${first.created[1]?.id}`);
    const again = await ingest(api, request);
    expect(again.created).toEqual([]);
    expect(again.skipped.map(({ reason, memoryId }) => [reason, memoryId])).toEqual([
      ['duplicate', first.created[0]?.id],
      ['already_ingested', first.created[1]?.id],
    ]);
    expect(await live(api)).toHaveLength(1);
  });

  it('[LOG-3] what was erased does not come back from the same conversation', async () => {
    const api = await fixture.login();
    const request = { messages: [user('My name is ERASED-name.')], context: { conversationId: 'a' } };
    const { created } = await ingest(api, request);
    await api.call('DELETE', `/memories/${created[0]?.id}?erase=true`);
    const { db } = fixture.server.deps;
    const rows = await db.query<{ text: string }>('select i::text as text from ingested_messages i where user_id = $1::uuid', [
      api.user.user.id,
    ]);
    expect(rows).toHaveLength(1);
    expect(rows[0]?.text).not.toMatch(/ERASED|4552415345442d/i);
    expect((await ingest(api, request)).created).toEqual([]);
    await db.query('delete from ingested_messages where user_id = $1::uuid', [api.user.user.id]);
    const again = await ingest(api, request);
    expect([again.created, reasonsOf(again)]).toEqual([[], ['erased']]);
  });

  it('dry: says what would be, and writes nothing', async () => {
    const api = await fixture.login();
    const request = { messages: [user('I prefer tea.')], context: { conversationId: 'a' } };
    const dry = await ingest(api, { ...request, dryRun: true });
    expect(dry.dryRun).toBe(true);
    expect(dry.created[0]).toMatchObject({ content: 'I prefer tea.', type: 'preference', seq: 0 });
    expect(await api.head()).toBe(0);
    const wet = await ingest(api, request);
    expect(wet.created[0]?.id).toBe(dry.created[0]?.id);
  });

  it('the gate: what comes from here, from programs, and secrets are counted and stored nowhere', async () => {
    const api = await fixture.login();
    const key = 'sk-proj-abcdefghijklmnopqrstuvwxyz0123456789';
    const answer = await ingest(api, {
      messages: [
        { role: 'system', content: 'My name is System' },
        { role: 'developer', content: 'My name is Developer' },
        { role: 'tool', content: 'My name is Tool' },
        user('<aibrain-memories>\nI prefer coffee.\n</aibrain-memories>\nI prefer tea.'),
        user(`Remember that my API key is ${key}`),
        user('My card is 4111 1111 1111 1111 and I live in Bern.'),
      ],
    });
    expect(contentsOf(answer)).toEqual(['I prefer tea.', 'I live in Bern.']);
    expect(answer.gated).toEqual({ system_message: 2, tool_message: 1, injected_context: 1, secret: 2 });
    expect(answer.skipped).toEqual([{ content: 'My API key is [secret removed]', reason: 'secret' }]);
    expect(JSON.stringify(answer)).not.toMatch(/abcdefghij|4111 1111/);
    const dump = await fixture.server.deps.db.query<{ text: string }>(
      'select (m.*)::text as text from memories m union all select (i.*)::text from ingested_messages i',
    );
    expect(dump.map(({ text }) => text).join()).not.toMatch(/abcdefghij|4111 1111/);
  });

  it('dates: what is relative to the message becomes absolute', async () => {
    const api = await fixture.login();
    const answer = await ingest(api, {
      messages: [user('Remember that I moved here last week. I need to file my taxes by tomorrow.', '2026-01-07T23:30:00-05:00')],
    });
    expect(contentsOf(answer)).toEqual(['I moved here in the week of 2025-12-29.', 'I need to file my taxes by 2026-01-08.']);
    expect(answer.created[1]?.type).toBe('task');
  });

  it('[SEC-2] a request that is wrong is refused by name, and nothing of it is written', async () => {
    const api = await fixture.login();
    const wrong: readonly (readonly [unknown, string])[] = [
      [{}, ''],
      [{ conversationText: 'a', messages: [user('I prefer tea.')] }, ''],
      [{ messages: [] }, 'messages'],
      [{ messages: [{ role: 'pirate', content: 'I prefer rum.' }] }, 'messages.0.role'],
      [{ messages: [user('I prefer tea.'), user('x', 'yesterday')] }, 'messages.1.at'],
      [{ messages: [user('a\0b')] }, 'messages.0.content'],
      [{ messages: [user('a')], context: { colour: 'red' } }, 'context.colour'],
      [{ messages: Array.from({ length: 2_001 }, () => user('I prefer tea.')) }, 'messages'],
      [{ conversationText: 'User: I prefer tea.\n'.repeat(2_001) }, 'conversationText'],
    ];
    for (const [body, path] of wrong) {
      const answer = await api.call('POST', '/memories/ingest', body);
      expect([answer.status, answer.body.code, answer.body.errors?.[0]?.path], path).toEqual([400, 'invalid_request', path]);
    }
    const large = await api.call('POST', '/memories/ingest', { conversationText: 'x'.repeat(2_100_000) });
    expect([large.status, large.body.code]).toEqual([413, 'too_large']);
    expect(await api.head()).toBe(0);
  });

  it('[SEC-1] what one user has sent is new to another', async () => {
    const request = { messages: [user('I prefer tea.')], context: { conversationId: 'shared' } };
    const [one, other] = [await fixture.login(), await fixture.login()];
    const first = await ingest(one, request);
    const second = await ingest(other, request);
    expect(contentsOf(second)).toEqual(['I prefer tea.']);
    expect(second.created[0]?.id).not.toBe(first.created[0]?.id);
  });
});
