import { describe, expect, it } from 'vitest';
import type { DeviceId, Epoch, MemoryId } from '../../src/core/ids.ts';
import type { Memory } from '../../src/core/memory.ts';
import type { ClientFrame, Hello } from '../../src/protocol/frames.ts';
import { helloFlags } from '../../src/protocol/frames.ts';
import { protocolVersion } from '../../src/protocol/version.ts';
import type { Opened } from '../../src/sync/answer-hello.ts';
import { closeCodes, openSession, type SessionLimits, type SessionState, step } from '../../src/sync/server-session.ts';
import type { Effect, Input, Piece, PushAnswer } from '../../src/sync/session-io.ts';

const device = '11111111-1111-4111-8111-111111111111' as DeviceId;
const epoch = 'eeeeeeee-eeee-4eee-8eee-eeeeeeeeeeee' as Epoch;
const otherEpoch = 'dddddddd-dddd-4ddd-8ddd-dddddddddddd' as Epoch;
const now = 1_000_000;

const limits: SessionLimits = {
  maxFrameBytes: 1_000,
  maxOps: 10,
  maxInFlight: 2,
  maxBufferedBytes: 500,
  snapshotMemories: 2,
  helloTimeoutMs: 10_000,
  pingAfterMs: 25_000,
  silenceMs: 50_000,
  maxErrors: 3,
};

const hello: Hello = {
  type: 'HELLO',
  protocol: protocolVersion,
  flags: 0,
  device,
  epoch: null,
  cursor: 0,
  lastCounter: 0,
  token: 't',
  now,
};
const opened: Opened = { epoch, head: 0, floor: 0, lastCounter: 0, live: 10, shared: 0, tokenExpiresAt: now + 60_000 };
const pushFrame: ClientFrame = { type: 'PUSH', firstCounter: 1, base: 0, ops: [] };
const accepted: PushAnswer = { kind: 'pushed', acked: 1, head: 1, fresh: 1, replayedFrom: null };

const frame = (sent: ClientFrame): Input<Piece> => ({ kind: 'frame', frame: sent, now });
const pushed = (answer: Partial<Extract<PushAnswer, { kind: 'pushed' }>>): Input<Piece> => ({
  kind: 'pushed',
  answer: { ...accepted, ...answer },
});
const piece = (from: number, to: number, more: Partial<Piece> = {}): Piece => ({
  from,
  to,
  head: to,
  ownCounter: 0,
  bytes: 10,
  ...more,
});
const loaded = (from: number, to: number, more: Partial<Piece> = {}): Input<Piece> => ({
  kind: 'loaded',
  piece: piece(from, to, more),
});
const committed = (from: number, to: number, more: Partial<Piece> = {}): Input<Piece> => ({
  kind: 'committed',
  piece: piece(from, to, more),
});

/** Plays the inputs from the start; returns the last state and the effects of the last input. */
function play(...inputs: readonly Input<Piece>[]): { readonly state: SessionState; readonly effects: readonly Effect<Piece>[] } {
  let state = openSession(now);
  let effects: readonly Effect<Piece>[] = [];
  for (const input of inputs) ({ state, effects } = step(state, input, limits));
  return { state, effects };
}

const greet = (with_: Partial<Hello> = {}, found: Partial<Opened> = {}): Input<Piece>[] => [
  frame({ ...hello, ...with_ }),
  { kind: 'opened', opened: { ...opened, ...found }, now },
];

const sent = (effects: readonly Effect<Piece>[]) => effects.flatMap((effect) => (effect.kind === 'send' ? [effect.frame] : []));
const kinds = (effects: readonly Effect<Piece>[]): string[] =>
  effects.map((effect) => {
    if (effect.kind === 'send') return 'code' in effect.frame ? `${effect.frame.type} ${effect.frame.code}` : effect.frame.type;
    if (effect.kind === 'sendDelta') return `DELTA ${effect.piece.from}-${effect.piece.to}`;
    if (effect.kind === 'close') return `close ${effect.closeCode}`;
    return effect.kind === 'load' ? `load ${effect.from}` : effect.kind;
  });

describe('every input in every phase', () => {
  type Phase = SessionState['phase'];
  /** The next phase and what is done. */
  type Expected = readonly [Phase, ...string[]];

  const inputs = {
    HELLO: frame(hello),
    'HELLO of another protocol': frame({ ...hello, protocol: 99 }),
    PUSH: frame(pushFrame),
    GOT: frame({ type: 'GOT', to: 1 }),
    AUTH: frame({ type: 'AUTH', token: 't' }),
    PING: frame({ type: 'PING' }),
    PONG: frame({ type: 'PONG' }),
    malformed: { kind: 'malformed', code: 'invalid_frame', detail: '' },
    opened: { kind: 'opened', opened, now },
    refused: { kind: 'refused', code: 'unauthorized' },
    authenticated: { kind: 'authenticated', tokenExpiresAt: now + 1 },
    pushed: pushed({}),
    'pushed, a gap': { kind: 'pushed', answer: { kind: 'counter_gap', expected: 7 } },
    'pushed, failed': { kind: 'pushed', answer: { kind: 'failed', code: 'unavailable' } },
    loaded: loaded(0, 1),
    loadedSnapshot: { kind: 'loadedSnapshot', memories: [], isLast: true },
    loadFailed: { kind: 'loadFailed' },
    committed: committed(0, 1),
    hint: { kind: 'hint', head: 1 },
    congested: { kind: 'congested' },
    drained: { kind: 'drained' },
    tick: { kind: 'tick', now: now + 1 },
    'tick after the time for HELLO': { kind: 'tick', now: now + 10_001 },
    'tick after a silence': { kind: 'tick', now: now + 25_000 },
    'tick after a long silence': { kind: 'tick', now: now + 50_000 },
    'tick after the token': { kind: 'tick', now: now + 60_000 },
  } as const satisfies Record<string, Input<Piece>>;

  const before: Record<Phase, readonly Input<Piece>[]> = {
    new: [],
    opening: [frame(hello)],
    live: greet(),
    closed: [{ kind: 'refused', code: 'unauthorized' }],
  };

  const silent: Expected = ['closed'];
  const table: Record<keyof typeof inputs, Record<Phase, Expected>> = {
    HELLO: {
      new: ['opening', 'open'],
      opening: ['opening', 'ERROR invalid_frame'],
      live: ['live', 'ERROR invalid_frame'],
      closed: silent,
    },
    'HELLO of another protocol': {
      new: ['new', 'ERROR unsupported_protocol'],
      opening: ['opening', 'ERROR invalid_frame'],
      live: ['live', 'ERROR invalid_frame'],
      closed: silent,
    },
    PUSH: {
      new: ['new', 'ERROR hello_expected'],
      opening: ['opening', 'ERROR hello_expected'],
      live: ['live', 'append'],
      closed: silent,
    },
    GOT: { new: ['new', 'ERROR hello_expected'], opening: ['opening', 'ERROR hello_expected'], live: ['live'], closed: silent },
    AUTH: {
      new: ['new', 'ERROR hello_expected'],
      opening: ['opening', 'ERROR hello_expected'],
      live: ['live', 'authenticate'],
      closed: silent,
    },
    PING: { new: ['new', 'PONG'], opening: ['opening', 'PONG'], live: ['live', 'PONG'], closed: silent },
    PONG: { new: ['new'], opening: ['opening'], live: ['live'], closed: silent },
    malformed: {
      new: ['new', 'ERROR invalid_frame'],
      opening: ['opening', 'ERROR invalid_frame'],
      live: ['live', 'ERROR invalid_frame'],
      closed: silent,
    },
    opened: { new: ['new'], opening: ['live', 'WELCOME', 'progress'], live: ['live', 'WELCOME', 'progress'], closed: silent },
    refused: {
      new: ['closed', 'ERROR unauthorized', 'close 4401'],
      opening: ['closed', 'ERROR unauthorized', 'close 4401'],
      live: ['closed', 'ERROR unauthorized', 'close 4401'],
      closed: silent,
    },
    authenticated: { new: ['new'], opening: ['opening'], live: ['live'], closed: silent },
    pushed: { new: ['new'], opening: ['opening'], live: ['live', 'load 0'], closed: silent },
    'pushed, a gap': {
      new: ['new', 'ERROR counter_gap'],
      opening: ['opening', 'ERROR counter_gap'],
      live: ['live', 'ERROR counter_gap'],
      closed: silent,
    },
    'pushed, failed': {
      new: ['new', 'ERROR unavailable'],
      opening: ['opening', 'ERROR unavailable'],
      live: ['live', 'ERROR unavailable'],
      closed: silent,
    },
    // A socket that has not said HELLO gets no DELTA, whatever comes in.
    loaded: { new: ['new'], opening: ['opening'], live: ['live', 'DELTA 0-1'], closed: silent },
    loadedSnapshot: { new: ['new'], opening: ['opening'], live: ['live'], closed: silent },
    loadFailed: { new: ['new'], opening: ['opening'], live: ['live'], closed: silent },
    committed: { new: ['new'], opening: ['opening'], live: ['live', 'DELTA 0-1'], closed: silent },
    hint: { new: ['new'], opening: ['opening'], live: ['live', 'load 0'], closed: silent },
    congested: { new: ['new'], opening: ['opening'], live: ['live'], closed: silent },
    drained: { new: ['new'], opening: ['opening'], live: ['live'], closed: silent },
    tick: { new: ['new'], opening: ['opening'], live: ['live'], closed: silent },
    'tick after the time for HELLO': { new: ['closed', 'close 4408'], opening: ['opening'], live: ['live'], closed: silent },
    'tick after a silence': { new: ['closed', 'close 4408'], opening: ['opening'], live: ['live', 'PING'], closed: silent },
    'tick after a long silence': {
      new: ['closed', 'close 4408'],
      opening: ['opening'],
      live: ['closed', 'close 4410'],
      closed: silent,
    },
    'tick after the token': {
      new: ['closed', 'close 4408'],
      opening: ['opening'],
      live: ['closed', 'ERROR unauthorized', 'close 4401'],
      closed: silent,
    },
  };

  for (const [name, input] of Object.entries(inputs) as [keyof typeof inputs, Input<Piece>][]) {
    for (const phase of Object.keys(before) as Phase[]) {
      it(`[SYN-1] ${phase}: ${name}`, () => {
        const { state, effects } = play(...before[phase], input);
        expect([state.phase, ...kinds(effects)]).toEqual(table[name][phase]);
      });
    }
  }
});

describe('HELLO', () => {
  it('[SYN-2] is answered with what the device needs to know, and with what it lacks', () => {
    const { effects } = play(...greet({ cursor: 3, epoch }, { head: 5, floor: 2, lastCounter: 0 }));
    expect(sent(effects)).toEqual([
      {
        type: 'WELCOME',
        protocol: protocolVersion,
        epoch,
        head: 5,
        floor: 2,
        lastCounter: 0,
        now,
        tokenExpiresAt: opened.tokenExpiresAt,
        limits: { maxFrameBytes: 1_000, maxOps: 10, maxInFlight: 2 },
      },
    ]);
    expect(kinds(effects)).toEqual(['WELCOME', 'load 3', 'progress']);
  });

  it('[SYN-2] from a device with ops in the log is followed by a DELTA with their ack, also where there is nothing new', () => {
    // The device holds a whole snapshot with its own op in it, and the connection ended before the DELTA behind it.
    const after = play(...greet({ cursor: 5, lastCounter: 2 }, { head: 5, lastCounter: 2 }));
    expect(kinds(after.effects)).toEqual(['WELCOME', 'load 5', 'progress']);
    const { effects } = step(after.state, loaded(5, 5, { hash: 'h' }), limits);
    expect(effects).toMatchObject([{ kind: 'sendDelta', header: { from: 5, head: 5, acked: 2, hash: 'h' } }]);
  });

  const resets: readonly (readonly [string, Partial<Hello>, Partial<Opened>])[] = [
    ['epoch_mismatch', { epoch: otherEpoch, cursor: 1 }, { head: 1 }],
    ['epoch_mismatch', { epoch: otherEpoch }, {}],
    ['epoch_mismatch', { epoch: otherEpoch, cursor: 9 }, { head: 7, shared: 6 }],
    ['cursor_ahead', { epoch, cursor: 6 }, { head: 5 }],
    ['cursor_expired', { epoch, cursor: 1 }, { head: 5, floor: 2 }],
    ['device_forked', { epoch, lastCounter: 1 }, { lastCounter: 2 }],
  ];
  for (const [code, said, found] of resets) {
    it(`[SYN-5] ${JSON.stringify(said)} where the log says ${JSON.stringify(found)}: RESET ${code}, and HELLO again is welcome`, () => {
      const { state, effects } = play(...greet(said, found));
      const shared = code === 'epoch_mismatch' ? (found.shared ?? 0) : null;
      expect(sent(effects)).toEqual([{ type: 'RESET', code, epoch, floor: found.floor ?? 0, head: found.head ?? 0, shared }]);
      const again = [frame({ ...hello, lastCounter: 5 }), { kind: 'opened', opened: { ...opened, ...found }, now } as const];
      let next = { state, effects: [] as readonly Effect<Piece>[] };
      for (const input of again) next = step(next.state, input, limits);
      expect(next.state.phase).toBe('live');
      expect(sent(next.effects)[0]?.type).toBe('WELCOME');
    });
  }

  it('[SYN-5] the time for the second HELLO begins with the RESET', () => {
    const late = now + 20_000;
    const { state } = play(frame({ ...hello, cursor: 1 }), { kind: 'opened', opened, now: late });
    expect(step(state, { kind: 'tick', now: late + 9_999 }, limits).state.phase).toBe('new');
    expect(step(state, { kind: 'tick', now: late + 10_001 }, limits).state.phase).toBe('closed');
  });

  it('[SYN-5] a cursor at the floor, at the head, or 0 is no reason for a RESET', () => {
    for (const cursor of [0, 2, 5]) {
      const { state } = play(...greet({ epoch, cursor }, { head: 5, floor: 2 }));
      expect(state.phase).toBe('live');
    }
  });

  it('[SYN-3] a base above the log is answered with RESET on the spot, and the device begins anew', () => {
    const { state, effects } = play(...greet(), { kind: 'pushed', answer: { kind: 'cursor_ahead', head: 3 } });
    expect(kinds(effects)).toEqual(['RESET cursor_ahead', `close ${closeCodes.reset}`]);
    expect(state.phase).toBe('closed');
  });

  it('[SEC-3] a client that keeps sending garbage is closed', () => {
    const wrong: Input<Piece> = { kind: 'malformed', code: 'invalid_frame', detail: 'x' };
    expect(kinds(play(wrong, wrong).effects)).toEqual(['ERROR invalid_frame']);
    const third = play(wrong, wrong, wrong);
    expect(kinds(third.effects)).toEqual(['ERROR invalid_frame', `close ${closeCodes.tooManyErrors}`]);
    expect(third.state.phase).toBe('closed');
    expect(play(wrong, ...greet(), wrong, frame(hello)).state.phase).toBe('closed');
    // A RESET forgives nothing.
    expect(play(wrong, wrong, ...greet({ cursor: 9 }), wrong).state.phase).toBe('closed');
  });
});

describe('what the device has confirmed', () => {
  it('[SYN-12] is its cursor in HELLO, and what GOT or the base of a PUSH adds to it', () => {
    const live = greet({ cursor: 3 }, { head: 9 });
    const progress = (...inputs: readonly Input<Piece>[]) =>
      play(...live, loaded(3, 9), ...inputs).effects.flatMap((effect) => (effect.kind === 'progress' ? [effect.cursor] : []));
    expect(play(...live).effects.at(-1)).toEqual({ kind: 'progress', cursor: 3 });
    expect(progress(frame({ type: 'GOT', to: 5 }))).toEqual([5]);
    expect(progress(frame({ ...pushFrame, base: 9 } as ClientFrame))).toEqual([9]);
    expect(progress(frame({ type: 'GOT', to: 2 }))).toEqual([]);
    // Nobody has what was not sent.
    expect(progress(frame({ type: 'GOT', to: 99 }))).toEqual([9]);
    expect(progress(frame({ type: 'GOT', to: 9 }), frame({ type: 'GOT', to: 9 }))).toEqual([]);
  });

  it('[SYN-12] includes a snapshot that ended, also where no event follows it', () => {
    const ended = [...greet({}, { head: 50 }), { kind: 'loadedSnapshot', memories: [], isLast: true }] as const;
    expect(kinds(play(...ended, loaded(50, 50), frame({ type: 'GOT', to: 50 })).effects)).toEqual(['progress']);
  });
});

describe('PUSH', () => {
  it('[SYN-3] ack and effect travel in the same frame', () => {
    const { effects } = play(...greet(), frame(pushFrame), committed(0, 1, { ownCounter: 1, hash: 'h' }));
    expect(effects).toMatchObject([
      { kind: 'sendDelta', header: { from: 0, head: 1, acked: 1, hash: 'h' }, piece: { from: 0, to: 1 } },
    ]);
    const others = play(...greet(), committed(0, 1, { hash: 'h' }));
    expect(others.effects).toMatchObject([{ kind: 'sendDelta', header: { from: 0, head: 1 } }]);
    expect(others.effects[0]).not.toHaveProperty('header.acked');
  });

  it('[SYN-3] the answer adds nothing to what the commit told', () => {
    const { effects } = play(...greet(), frame(pushFrame), committed(0, 1, { ownCounter: 1 }), pushed({}));
    expect(effects).toEqual([]);
  });

  it('[LOG-2] a PUSH that is all replays is answered with the recorded outcome: the log from there', () => {
    const live = greet({ cursor: 5, lastCounter: 3 }, { head: 5, lastCounter: 3 });
    const replayed = play(...live, loaded(5, 5), pushed({ acked: 3, head: 5, fresh: 0, replayedFrom: 3 }));
    expect(kinds(replayed.effects)).toEqual(['load 2']);
    const answered = step(replayed.state, loaded(2, 5, { ownCounter: 3, head: 5 }), limits);
    expect(answered.effects).toMatchObject([{ kind: 'sendDelta', header: { from: 2, head: 5, acked: 3 } }]);
    expect(answered.state.sent).toBe(5);
  });

  it('[LOG-2] a page that was asked for before the replay is not sent in its place', () => {
    const live = [...greet({ cursor: 5 }, { head: 5 }), { kind: 'hint', head: 6 } as const];
    const replayed = play(...live, pushed({ acked: 3, head: 6, fresh: 0, replayedFrom: 3 }), loaded(5, 6));
    expect(kinds(replayed.effects)).toEqual(['load 2']);
  });

  it('[SYN-3] a PUSH without ops is answered all the same', () => {
    const { state, effects } = play(...greet(), pushed({ acked: 0, head: 0, fresh: 0 }));
    expect(kinds(effects)).toEqual(['load 0']);
    expect(kinds(step(state, loaded(0, 0), limits).effects)).toEqual(['DELTA 0-0']);
  });

  it('[SYN-8] its base confirms frames as GOT does', () => {
    const two = [...greet(), committed(0, 1), committed(1, 2)];
    const full = play(...two, committed(2, 3));
    expect(full.effects).toEqual([]);
    const { effects } = step(full.state, frame({ ...pushFrame, base: 2 } as ClientFrame), limits);
    expect(kinds(effects)).toEqual(['progress', 'load 2', 'append']);
  });
});

describe('SNAPSHOT', () => {
  const memory = (id: string): Memory => ({ id: id as MemoryId, seq: 1 }) as Memory;
  const lacking = (head: number, cursor: number, live: number) => kinds(play(...greet({ cursor }, { head, live })).effects)[1];

  it('[SYN-5] comes where the state is shorter than the tail: head − cursor > 2 × live memories', () => {
    expect(lacking(20, 0, 10)).toBe('load 0');
    expect(lacking(21, 0, 10)).toBe('loadSnapshot');
    expect(lacking(121, 101, 10)).toBe('load 101');
    expect(lacking(122, 101, 10)).toBe('loadSnapshot');
    expect(lacking(1, 0, 0)).toBe('loadSnapshot');
    expect(lacking(0, 0, 0)).toBe('progress');
  });

  it('[SYN-5] comes for a new device where the log no longer reaches back', () => {
    expect(kinds(play(...greet({ cursor: 0 }, { head: 10, floor: 5 })).effects)).toEqual(['WELCOME', 'loadSnapshot', 'progress']);
  });

  it('[SYN-5] is followed by the delta from the head at which it began, ack included', () => {
    const pages = [
      ...greet({ cursor: 0, lastCounter: 4 }, { head: 50, lastCounter: 4 }),
      { kind: 'loadedSnapshot', memories: [memory('c'), memory('b')], isLast: false },
      { kind: 'hint', head: 52 },
    ] as const satisfies readonly Input<Piece>[];
    const more = play(...pages);
    expect(more.effects).toEqual([]);
    const last = step(more.state, { kind: 'loadedSnapshot', memories: [memory('a')], isLast: true }, limits);
    expect(last.effects).toMatchObject([
      { kind: 'send', frame: { type: 'SNAPSHOT', at: 50, next: null } },
      { kind: 'load', from: 50 },
    ]);
    const { effects } = step(last.state, loaded(50, 52), limits);
    expect(effects).toMatchObject([{ kind: 'sendDelta', header: { from: 50, head: 52, acked: 4 } }]);
  });

  it('[SYN-5] page by page: each begins after the last memory of the one before', () => {
    const { effects } = play(...greet({ cursor: 0 }, { head: 50 }), {
      kind: 'loadedSnapshot',
      memories: [memory('c'), memory('b')],
      isLast: false,
    });
    expect(effects).toMatchObject([
      { kind: 'send', frame: { type: 'SNAPSHOT', at: 50, next: 'b' } },
      { kind: 'loadSnapshot', after: 'b', limit: 2 },
    ]);
  });

  it('[SYN-5] ends with the page that says so, however full or small the pages are', () => {
    const page = (isLast: boolean): Input<Piece> => ({ kind: 'loadedSnapshot', memories: [memory('b')], isLast });
    expect(sent(play(...greet({}, { head: 50 }), page(false)).effects)).toMatchObject([{ next: 'b' }]);
    const full: Input<Piece> = { kind: 'loadedSnapshot', memories: [memory('b'), memory('a')], isLast: true };
    expect(sent(play(...greet({}, { head: 50 }), full).effects)).toMatchObject([{ next: null }]);
  });

  it('[SYN-5] comes where the flag asks for it, though a delta would be shorter, also of nothing at all', () => {
    const flags = helloFlags.snapshot;
    expect(kinds(play(...greet({ flags }, { head: 5, live: 10 })).effects)).toEqual(['WELCOME', 'loadSnapshot', 'progress']);
    expect(kinds(play(...greet({ flags: flags + 2 ** 40 }, { head: 5 })).effects)).toEqual([
      'WELCOME',
      'loadSnapshot',
      'progress',
    ]);
    expect(kinds(play(...greet({ flags: helloFlags.repair }, { head: 5 })).effects)).toEqual(['WELCOME', 'load 0', 'progress']);
    const empty = play(...greet({ flags }, { head: 0, live: 0 }));
    const { effects } = step(empty.state, { kind: 'loadedSnapshot', memories: [], isLast: true }, limits);
    expect(effects).toMatchObject([
      { kind: 'send', frame: { type: 'SNAPSHOT', at: 0, next: null, memories: [] } },
      { kind: 'load', from: 0 },
    ]);
  });

  it('[SEC-2] is refused to a device that asks for it and names a cursor', () => {
    const { state, effects } = play(frame({ ...hello, flags: helloFlags.snapshot, cursor: 3 }));
    expect([state.phase, ...kinds(effects)]).toEqual(['new', 'ERROR invalid_frame']);
  });

  describe('that was left off', () => {
    const resume = { at: 40, after: 'b' as MemoryId };

    it('[SYN-5] goes on where it stopped, and the delta behind it begins where the snapshot did', () => {
      const resumed = play(...greet({ epoch, resume }, { head: 50, floor: 40 }));
      expect(resumed.effects[1]).toMatchObject({ kind: 'loadSnapshot', after: 'b' });
      const { effects } = step(resumed.state, { kind: 'loadedSnapshot', memories: [memory('a')], isLast: true }, limits);
      expect(effects).toMatchObject([
        { kind: 'send', frame: { type: 'SNAPSHOT', at: 40, next: null } },
        { kind: 'load', from: 40 },
      ]);
    });

    it.each([
      ['the log no longer reaches back', { epoch }, { head: 50, floor: 41 }],
      ['it lies ahead', { epoch }, { head: 39 }],
      ['the device names no epoch', {}, { head: 50 }],
    ] as const)('[SYN-5] begins anew where %s', (_, said, found) => {
      const begun = play(...greet({ ...said, resume }, found));
      expect(begun.effects[1]).toMatchObject({ kind: 'loadSnapshot', after: null });
      const { effects } = step(begun.state, { kind: 'loadedSnapshot', memories: [memory('z')], isLast: false }, limits);
      expect(sent(effects)).toMatchObject([{ type: 'SNAPSHOT', at: found.head }]);
    });
  });

  it('[SYN-13] comes before what was pushed again meanwhile: the log then goes out from before the first of it', () => {
    const page = (isLast: boolean): Input<Piece> => ({ kind: 'loadedSnapshot', memories: [memory('b')], isLast });
    const live = greet({ lastCounter: 9 }, { head: 50, lastCounter: 9 });
    const twice = [
      pushed({ acked: 9, head: 50, fresh: 0, replayedFrom: 7 }),
      pushed({ acked: 9, head: 50, fresh: 0, replayedFrom: 9 }),
    ];
    const between = play(...live, page(false), ...twice);
    expect(between.effects).toEqual([]);
    const last = step(between.state, page(true), limits);
    expect(kinds(last.effects)).toEqual(['SNAPSHOT', 'load 6']);
    const { state, effects } = step(last.state, loaded(6, 50, { ownCounter: 9 }), limits);
    expect(effects).toMatchObject([{ kind: 'sendDelta', header: { from: 6, head: 50, acked: 9 } }]);
    expect([state.sent, state.replayedFrom]).toEqual([50, null]);
  });

  it('[SYN-4] no commit gets between its pages', () => {
    const live = greet({ cursor: 0 }, { head: 50 });
    expect(play(...live, committed(50, 51, { ownCounter: 1 })).effects).toEqual([]);
    expect(play(...live, committed(0, 1)).effects).toEqual([]);
  });
});

describe('time', () => {
  const tick = (after: number): Input<Piece> => ({ kind: 'tick', now: now + after });
  const hears = (after: number, sent: ClientFrame = { type: 'PONG' }): Input<Piece> => ({
    kind: 'frame',
    frame: sent,
    now: now + after,
  });

  it('[SYN-10] a silent device is asked once, and given up when it stays silent', () => {
    expect(kinds(play(...greet(), tick(24_999)).effects)).toEqual([]);
    expect(kinds(play(...greet(), tick(25_000)).effects)).toEqual(['PING']);
    expect(kinds(play(...greet(), tick(25_000), tick(26_000)).effects)).toEqual([]);
    expect(kinds(play(...greet(), tick(25_000), tick(50_000)).effects)).toEqual([`close ${closeCodes.silent}`]);
  });

  it('[SYN-10] any frame begins its time anew, a malformed one too', () => {
    const late = { kind: 'tick', now: now + 59_999 } as const;
    expect(play(...greet(), tick(25_000), hears(25_001), late).state.phase).toBe('live');
    expect(kinds(play(...greet(), tick(25_000), hears(25_001), tick(50_001)).effects)).toEqual(['PING']);
    const malformed: Input<Piece> = { kind: 'malformed', code: 'invalid_frame', detail: '' };
    expect(play(...greet(), tick(25_000), malformed, late).state.phase).toBe('live');
  });

  it('[SYN-10] whoever waits for the server is not silent: while a PUSH is answered, while the network takes what was sent', () => {
    const waits = [...greet(), hears(0, pushFrame)];
    expect(kinds(play(...waits, tick(55_000)).effects)).toEqual([]);
    expect(kinds(play(...waits, tick(55_000), pushed({ fresh: 1, head: 0 }), tick(59_000)).effects)).toEqual([]);
    expect(kinds(play(...greet(), { kind: 'congested' }, tick(30_000)).effects)).toEqual([]);
    expect(play(...greet(), { kind: 'congested' }, tick(40_000), { kind: 'drained' }, tick(59_000)).state.phase).toBe('live');
    expect(play(...greet(), { kind: 'congested' }, tick(50_000)).state.phase).toBe('closed');
  });

  it('[SYN-9] an expired token closes the socket at the next tick, a renewed one does not', () => {
    const until = now + 20_000;
    const live = greet({}, { tokenExpiresAt: until });
    expect(play(...live, { kind: 'tick', now: until - 1 }).state.phase).toBe('live');
    expect(kinds(play(...live, { kind: 'tick', now: until }).effects)).toEqual(['ERROR unauthorized', 'close 4401']);
    const renewed = [...live, { kind: 'authenticated', tokenExpiresAt: until + 1_000 }] as const;
    expect(play(...renewed, { kind: 'tick', now: until }).state.phase).toBe('live');
    expect(play(...renewed, { kind: 'tick', now: until + 1_000 }).state.phase).toBe('closed');
  });

  it('[SYN-9] a revoked device is told so', () => {
    expect(kinds(play(...greet(), { kind: 'refused', code: 'device_revoked' }).effects)).toEqual([
      'ERROR device_revoked',
      'close 4403',
    ]);
  });

  it('[SYN-10] a load that failed is tried again by the next tick, hint or commit', () => {
    const failed = [...greet(), { kind: 'hint', head: 3 }, { kind: 'loadFailed' }] as const;
    expect(kinds(play(...failed, { kind: 'tick', now }).effects)).toEqual(['load 0']);
    expect(kinds(play(...failed, { kind: 'hint', head: 3 }).effects)).toEqual(['load 0']);
    expect(kinds(play(...failed, committed(3, 4)).effects)).toEqual(['load 0']);
  });
});
