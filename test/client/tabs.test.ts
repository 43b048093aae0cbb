import { setImmediate as macrotask } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { createTabHub } from '../../src/client/tab-hub.ts';
import { createTabs, type TabLocks, type Tabs, type WatchSleep } from '../../src/client/tabs.ts';

describe('tabs of one replica', () => {
  it('[house] one leads, the others follow', async () => {
    const { roles, open } = newHub();
    for (const name of ['a', 'b', 'c']) open(name);
    await macrotask();
    expect(roles()).toEqual({ a: 'leads', b: 'follows', c: 'follows' });
  });

  it('[house] the lead goes to the one that has waited longest when its holder is closed', async () => {
    const { roles, open } = newHub();
    const [a, b] = ['a', 'b', 'c'].map((name) => open(name));
    await macrotask();
    a?.close();
    await macrotask();
    expect(roles()).toEqual({ a: 'leads', b: 'leads', c: 'follows' });
    b?.close();
    await macrotask();
    expect(roles()).toEqual({ a: 'leads', b: 'leads', c: 'leads' });
  });

  it('[SYN-10] a leader that is killed without a word is followed by another', async () => {
    const { roles, open } = newHub();
    const a = open('a');
    open('b');
    await macrotask();
    a.kill();
    await macrotask();
    expect(roles()).toEqual({ a: 'leads', b: 'leads' });
  });

  it('[SYN-10] a tab that is killed while it waits is passed over, and hears nothing', async () => {
    const { roles, open } = newHub();
    const [a, b] = ['a', 'b', 'c'].map((name) => open(name));
    const heard: unknown[] = [];
    b?.listen((message) => heard.push(message));
    await macrotask();
    a?.post('before');
    b?.kill();
    a?.post('after');
    a?.close();
    await macrotask();
    expect(roles()).toEqual({ a: 'leads', b: 'follows', c: 'leads' });
    expect(heard).toEqual([]);
  });

  it('[house] who stops standing is told nothing more, whether it led or waited', async () => {
    const { hub, roles, open } = newHub();
    const calls: string[] = [];
    const standing = hub.open();
    const stop = standing.lead(
      () => calls.push('lead'),
      () => calls.push('follow'),
    );
    stop();
    open('b');
    await macrotask();
    const stopWaiting = standing.lead(
      () => calls.push('lead again'),
      () => calls.push('follow again'),
    );
    await macrotask();
    stopWaiting();
    await macrotask();
    expect(calls).toEqual(['follow again']);
    expect(roles()).toEqual({ b: 'leads' });
    standing.lead(() => calls.push('third'));
    stop();
    await macrotask();
    expect(calls).toEqual(['follow again']);
  });

  it('[house] a page that falls asleep gives up the lead, and stands again when it wakes', async () => {
    const { roles, open } = newHub();
    const page = createPage();
    open('a', page.watch);
    const b = open('b');
    await macrotask();
    page.sleep();
    page.sleep();
    await macrotask();
    expect(roles()).toEqual({ a: 'follows', b: 'leads' });
    b.close();
    await macrotask();
    expect(roles()).toEqual({ a: 'follows', b: 'leads' });
    page.wake();
    await macrotask();
    expect(roles()).toEqual({ a: 'leads', b: 'leads' });
  });

  it('[house] a page that falls asleep while it waits is not given the lead in its sleep', async () => {
    const { roles, open } = newHub();
    const page = createPage();
    const a = open('a');
    open('b', page.watch);
    open('c');
    await macrotask();
    page.sleep();
    a.close();
    await macrotask();
    expect(roles()).toEqual({ a: 'leads', b: 'follows', c: 'leads' });
    page.wake();
    await macrotask();
    expect(roles()).toEqual({ a: 'leads', b: 'follows', c: 'leads' });
  });

  it('[house] a message reaches all others as a copy, in order, until they stop listening', async () => {
    const { hub } = newHub();
    const [a, b, c] = [hub.open(), hub.open(), hub.open()];
    const heard: unknown[] = [];
    for (const [name, tab] of Object.entries({ a, b })) tab.listen((message) => heard.push([name, message]));
    const stop = c.listen((message) => heard.push(['c', message]));
    const message = { version: 1 };
    a.post(message);
    message.version = 2;
    a.post(message);
    await macrotask();
    stop();
    a.post('last');
    await macrotask();
    expect(heard).toEqual([
      ['b', { version: 1 }],
      ['c', { version: 1 }],
      ['b', { version: 2 }],
      ['c', { version: 2 }],
      ['b', 'last'],
    ]);
  });
});

describe('tabs where the browser lacks something', () => {
  const opened: Tabs[] = [];
  afterEach(() => {
    for (const tabs of opened.splice(0)) tabs.close();
  });
  const tabsOf = (options: Partial<Parameters<typeof createTabs>[0]>) => {
    const tabs = createTabs({ name: 'alone', ...options });
    opened.push(tabs);
    return tabs;
  };

  it.each([
    ['locks', { locks: null }],
    ['a channel', { locks: neverGranted(), channel: null }],
  ])('[house] without %s it leads at once', async (_what, options) => {
    const calls: string[] = [];
    tabsOf(options).lead(
      () => calls.push('lead'),
      () => calls.push('follow'),
    );
    expect(calls).toEqual([]);
    await macrotask();
    expect(calls).toEqual(['lead']);
  });

  it('[house] without locks it can be stopped before it leads', async () => {
    const calls: string[] = [];
    tabsOf({ locks: null }).lead(() => calls.push('lead'))();
    await macrotask();
    expect(calls).toEqual([]);
  });

  it('[house] where the page may not use locks it leads', async () => {
    const calls: string[] = [];
    const denied: TabLocks = { request: () => Promise.reject(new DOMException('no', 'SecurityError')) };
    tabsOf({ locks: denied }).lead(
      () => calls.push('lead'),
      () => calls.push('follow'),
    );
    await macrotask();
    expect(calls).toEqual(['lead']);
  });

  it('[house] a lock that is taken by force is a lead that is lost, and asked for again', async () => {
    const calls: string[] = [];
    let steal = (_reason: Error) => {};
    const stealable: TabLocks = {
      request: (_name, _options, granted) =>
        new Promise((_, reject) => {
          steal = reject;
          void granted({});
        }),
    };
    tabsOf({ locks: stealable }).lead(
      () => calls.push('lead'),
      () => calls.push('follow'),
    );
    steal(new DOMException('stolen', 'AbortError'));
    await macrotask();
    expect(calls).toEqual(['lead', 'follow', 'lead']);
  });

  it('[house] the channel of Node and of browsers carries messages between two of one name only', async () => {
    const [a, b, other] = [tabsOf({}), tabsOf({}), tabsOf({ name: 'other' })];
    const heard = new Promise((resolve) => b.listen(resolve));
    other.post('for others');
    a.post({ hello: 1 });
    expect(await heard).toEqual({ hello: 1 });
    a.close();
    a.post('closed: goes nowhere, and throws nothing');
  });
});

function newHub() {
  const hub = createTabHub();
  const roleByName: Record<string, string> = {};
  return {
    hub,
    roles: () => roleByName,
    open(name: string, watchSleep?: WatchSleep) {
      const tab = hub.open(watchSleep);
      tab.lead(
        () => {
          roleByName[name] = 'leads';
        },
        () => {
          roleByName[name] = 'follows';
        },
      );
      return tab;
    },
  };
}

function createPage(): { readonly watch: WatchSleep; sleep(): void; wake(): void } {
  let listeners = { onSleep: () => {}, onWake: () => {} };
  return {
    watch(onSleep, onWake) {
      listeners = { onSleep, onWake };
      return () => {};
    },
    sleep: () => listeners.onSleep(),
    wake: () => listeners.onWake(),
  };
}

function neverGranted(): TabLocks {
  return { request: () => new Promise(() => {}) };
}
