/** A schedule from a seed. Each seed takes some of the nemeses only (swarm testing): what all of them together hide, few show. */
import type { Dice } from './dice.ts';
import { createDice } from './dice.ts';
import type { DeviceSetup, Nemesis, Schedule, Setup, Step, Work, WrittenFields } from './schedule.ts';

export interface GenerateOptions {
  /** How long the workload and the nemeses last, virtual minutes. */
  readonly minutes: number;
  /** Only these nemeses. Default: dice. */
  readonly only?: readonly Scenario[];
  readonly without?: readonly Scenario[];
}

/** Nemeses by name, as `--only` takes them. */
export const scenarios = [
  'backup',
  'clock',
  'clone',
  'collect',
  'corrupt',
  'crash',
  'cut',
  'database',
  'disk',
  'http',
  'network',
  'offline',
  'restore',
  'revoke',
  'schema',
  'server-crash',
  'silent-restore',
  'tabs',
  'token',
  'wipe',
] as const;

export type Scenario = (typeof scenarios)[number];

/** How often a seed has each. */
const share: Readonly<Record<Scenario, number>> = {
  backup: 0.2,
  clock: 0.4,
  clone: 0.2,
  collect: 0.35,
  corrupt: 0.12,
  crash: 0.5,
  cut: 0.5,
  database: 0.4,
  disk: 0.3,
  http: 0.25,
  network: 0.5,
  offline: 0.4,
  restore: 0.15,
  revoke: 0.12,
  schema: 0.08,
  'server-crash': 0.3,
  'silent-restore': 0.06,
  tabs: 0.35,
  token: 0.2,
  wipe: 0.06,
};

export function generate(seed: number, options: GenerateOptions): Schedule {
  const dice = createDice(seed, 'schedule');
  const diced = scenarios.filter((name) => dice.chance(share[name]));
  const chosen = new Set<Scenario>((options.only ?? diced).filter((name) => options.without?.includes(name) !== true));
  const setup = createSetup(dice, options.minutes * 60_000, chosen);
  const generator = new Generator(dice, setup, chosen);
  return { seed, setup, steps: generator.steps() };
}

function createSetup(dice: Dice, calmAtMs: number, chosen: ReadonlySet<Scenario>): Setup {
  const count = dice.between(2, 5);
  const isShared = dice.chance(0.15);
  const devices = Array.from({ length: count }, (_, index): DeviceSetup => {
    const isWrong = chosen.has('clock') && dice.chance(0.6);
    return {
      user: isShared && index === count - 1 ? 1 : 0,
      clockOffsetMs: isWrong
        ? dice.pick([-5 * year, -day, -3_600_000, -90_000, -500, 500, 50_000, 70_000, 3_600_000, day, 5 * year])
        : dice.between(-2_000, 2_000),
      driftMs: isWrong ? dice.pick([-20, -1, 0, 1, 20, 300]) : 0,
      startsAtMs: dice.chance(0.7) ? dice.below(2_000) : dice.below(calmAtMs / 2),
      ...(chosen.has('tabs') && dice.chance(0.3) && { tabs: dice.pick(['no locks', 'no channel'] as const) }),
    };
  });
  return {
    devices,
    nodes: dice.chance(0.35) ? 2 : 1,
    memories: dice.between(2, 6),
    maxOps: dice.pick([1, 3, 1_000]),
    maxInFlight: dice.pick([2, 64]),
    maxBufferedBytes: dice.pick([800, 1_048_576]),
    snapshotMemories: dice.pick([1, 3, 500]),
    pageEvents: dice.pick([1, 3, 20, 2_000]),
    tokenMs: chosen.has('token') ? dice.pick([20_000, 90_000]) : 900_000,
    tombstoneMs: dice.pick([0, 20_000, 90_000]),
    deviceExpiryMs: dice.pick([40_000, 120_000, 900_000]),
    diskDelayMs: dice.pick([0, 0, 3, 40]),
    calmAtMs,
  };
}

const day = 86_400_000;
const year = 365 * day;

class Generator {
  readonly #dice: Dice;
  readonly #setup: Setup;
  readonly #chosen: ReadonlySet<Scenario>;
  readonly #steps: Step[] = [];
  #clones: number;

  constructor(dice: Dice, setup: Setup, chosen: ReadonlySet<Scenario>) {
    this.#dice = dice;
    this.#setup = setup;
    this.#chosen = chosen;
    this.#clones = setup.devices.length;
  }

  steps(): readonly Step[] {
    const { devices, calmAtMs } = this.#setup;
    const works = this.#dice.between(6, 14) * devices.length;
    // Half of it within moments: who writes at once has not seen each other.
    const bursts = Array.from({ length: this.#dice.between(1, 4) }, () => this.#time());
    for (let i = 0; i < works; i++) {
      const at = this.#dice.chance(0.5) ? this.#time() : this.#dice.pick(bursts) + this.#dice.below(this.#dice.pick([50, 2_000]));
      this.#add(Math.min(at, calmAtMs), this.#work());
    }
    for (const name of scenarios) if (this.#chosen.has(name)) this.#nemesis(name);
    // Some work when everything is over, which has to get through at once.
    for (let device = 0; device < devices.length; device++)
      if (this.#dice.chance(0.5)) this.#add(calmAtMs + this.#dice.below(20_000), this.#workOn(device));
    return [...this.#steps].sort((a, b) => a.at - b.at || a.n - b.n);
  }

  /** What would come after the nemeses have stopped comes just before. */
  #trouble(at: number, what: Nemesis): void {
    this.#add(Math.min(at, this.#setup.calmAtMs - 1), what);
  }

  #add(at: number, what: Work | Nemesis): void {
    this.#steps.push({ n: this.#steps.length, at: Math.floor(at), ...what });
  }

  #time(): number {
    return this.#dice.below(this.#setup.calmAtMs);
  }

  #device(): number {
    return this.#dice.below(this.#clones);
  }

  #memory(): number {
    return this.#dice.below(this.#setup.memories);
  }

  #work(): Work {
    if (this.#dice.chance(0.12)) return this.#rest();
    return this.#workOn(this.#device());
  }

  #workOn(device: number): Work {
    const dice = this.#dice;
    const memory = this.#memory();
    switch (dice.weighted([30, 45, 8, 6, 8, 2, 2])) {
      case 0:
        return { do: 'create', device, memory: dice.chance(0.8) ? memory : 'new', fields: this.#fields() };
      case 1:
        return { do: 'update', device, memory, fields: this.#fields() };
      case 2:
        return { do: 'delete', device, memory };
      case 3:
        return { do: 'restore', device, memory };
      case 4:
        return { do: 'resolve', device, nth: dice.below(4), keep: dice.pick(['winner', 'loser']) };
      case 5:
        return { do: 'import', device, count: dice.between(2, 12) };
      default:
        return { do: 'dismiss', device };
    }
  }

  #rest(): Work {
    const users = new Set(this.#setup.devices.map(({ user }) => user));
    const what = this.#dice.pick(['create', 'update', 'update', 'delete', 'restore', 'erase', 'resolve'] as const);
    return { do: 'rest', user: this.#dice.pick([...users]), what, memory: this.#memory(), fields: this.#fields() };
  }

  #fields(): WrittenFields {
    const dice = this.#dice;
    return {
      ...(dice.chance(0.7) && { content: true as const }),
      ...(dice.chance(0.3) && { confidence: true as const }),
      ...(dice.chance(0.2) && { source: true as const }),
      ...(dice.chance(0.2) && { type: dice.pick(['fact', 'task', 'project', 'meta'] as const) }),
      ...(dice.chance(0.1) && { scope: dice.pick(['site', 'session'] as const) }),
      ...(dice.chance(0.4) && { tags: Array.from({ length: dice.between(1, 2) }, () => dice.below(5)) }),
    };
  }

  #repeat(low: number, high: number, add: () => void): void {
    const times = this.#dice.between(low, high);
    for (let i = 0; i < times; i++) add();
  }

  #nemesis(name: Scenario): void {
    const dice = this.#dice;
    const length = (): number => dice.pick([2_000, 15_000, 45_000, 130_000]);
    const network = (weather: Extract<Nemesis, { do: 'network' }>['weather'], forMs = length()): void =>
      this.#trouble(this.#time(), { do: 'network', device: this.#device(), forMs, weather });
    switch (name) {
      case 'network':
        return this.#repeat(1, 4, () =>
          network({ maxDelayMs: dice.pick([200, 3_000, 20_000]), cut: dice.pick([0, 0.05, 0.2]), repeat: dice.pick([0, 0.3]) }),
        );
      case 'cut':
        this.#repeat(1, 3, () =>
          network({ cut: dice.pick([0.02, 0.1, 0.3]), cutInside: dice.pick([0, 0.1]), repeat: dice.pick([0, 0.5]) }),
        );
        return this.#repeat(0, 4, () => this.#trouble(this.#time(), { do: 'cut', device: this.#device() }));
      case 'offline':
        this.#repeat(1, 3, () => network({ isOffline: true }));
        return this.#repeat(0, 2, () =>
          network(dice.pick([{ isSilentUp: true }, { isSilentDown: true }, { isSilentUp: true, isSilentDown: true }])),
        );
      case 'http':
        this.#repeat(1, 2, () =>
          network(
            {
              blocksSockets: true,
              lostAnswer: dice.pick([0, 0.2]),
              lostRequest: dice.pick([0, 0.2]),
              repeatedRequest: dice.pick([0, 0.3]),
            },
            this.#setup.calmAtMs,
          ),
        );
        return this.#repeat(0, 2, () => this.#trouble(this.#time(), { do: 'cut', device: this.#device() }));
      case 'crash':
        return this.#repeat(1, 4, () => this.#crash());
      case 'tabs':
        return this.#tabs();
      case 'disk':
        this.#repeat(0, 2, () => this.#trouble(this.#time(), { do: 'fullDisk', device: this.#device(), forMs: length() }));
        return this.#repeat(0, 2, () => this.#trouble(this.#time(), { do: 'slowDisk', device: this.#device(), forMs: length() }));
      case 'backup':
        return this.#repeat(1, 2, () => this.#inOrder(this.#device(), 'backup', 'restoreBackup'));
      case 'clone':
        return this.#repeat(1, 2, () => this.#trouble(this.#time(), { do: 'clone', device: this.#device(), as: this.#clones++ }));
      case 'corrupt':
        return this.#trouble(this.#time(), { do: 'corrupt', device: this.#device() });
      case 'clock':
        this.#repeat(0, 3, () =>
          this.#trouble(this.#time(), {
            do: 'clock',
            device: this.#device(),
            byMs: dice.pick([-5 * year, -day, -70_000, -1_000, 1_000, 70_000, day, 5 * year]),
          }),
        );
        return this.#repeat(0, 1, () =>
          this.#trouble(this.#time(), { do: 'serverClock', byMs: dice.pick([-60_000, -5_000, 5_000, 120_000]) }),
        );
      case 'server-crash':
        return this.#repeat(1, 3, () =>
          this.#trouble(this.#time(), { do: 'crashServer', node: dice.below(2), forMs: dice.pick([100, 5_000, 40_000]) }),
        );
      case 'database':
        return this.#repeat(1, 3, () =>
          this.#trouble(this.#time(), {
            do: 'database',
            forMs: length(),
            failure: dice.pick([0, 0.1, 0.5]),
            lostCommit: dice.pick([0, 0.3]),
            maxDelayMs: dice.pick([20, 500, 8_000]),
          }),
        );
      case 'restore':
        return this.#restoreServer(true);
      case 'silent-restore':
        return this.#restoreServer(false);
      case 'wipe':
        if (dice.chance(0.5)) return this.#trouble(this.#time(), { do: 'serverWipe' });
        return this.#trouble(this.#time(), { do: 'wipeDevice', device: this.#device() });
      case 'collect':
        return this.#repeat(1, 5, () => this.#trouble(this.#time(), { do: 'collect' }));
      case 'revoke':
        return this.#revoke();
      case 'token':
        return this.#repeat(0, 2, () => this.#trouble(this.#time(), { do: 'endSessions', user: 0 }));
      case 'schema':
        return this.#trouble(this.#time(), { do: 'refuseProtocol', forMs: dice.pick([5_000, 100_000]) });
    }
  }

  /** Most often right after a write, when something is under way. */
  #crash(): void {
    const work = this.#dice.pick(this.#steps);
    const device = 'device' in work && this.#dice.chance(0.7) ? work.device : this.#device();
    const at = this.#dice.chance(0.7) ? work.at + this.#dice.pick([0, 1, 3, 8, 20, 60]) : this.#time();
    this.#trouble(at, { do: 'kill', device, tab: 0 });
    this.#trouble(at + this.#dice.pick([10, 1_000, 20_000]), { do: 'start', device, tab: 0 });
  }

  #tabs(): void {
    const device = this.#device();
    this.#trouble(this.#dice.below(this.#setup.calmAtMs / 2), { do: 'start', device, tab: 1 });
    this.#repeat(1, 4, () => {
      const tab = this.#dice.below(2);
      const at = this.#time();
      const forMs = this.#dice.pick([10, 2_000, 30_000]);
      const what = this.#dice.below(3);
      if (what === 2) return this.#trouble(at, { do: 'sleep', device, tab, forMs });
      this.#trouble(at, { do: what === 0 ? 'kill' : 'close', device, tab });
      this.#trouble(at + forMs, { do: 'start', device, tab });
    });
  }

  #inOrder(device: number, first: 'backup', second: 'restoreBackup'): void {
    const [a, b] = [this.#time(), this.#time()].sort((x, y) => x - y) as [number, number];
    this.#trouble(a, { do: first, device });
    this.#trouble(b, { do: second, device });
  }

  #restoreServer(newEpoch: boolean): void {
    const [a, b] = [this.#time(), this.#time()].sort((x, y) => x - y) as [number, number];
    this.#trouble(a, { do: 'serverBackup' });
    this.#trouble(b, { do: 'serverRestore', newEpoch });
    if (this.#dice.chance(0.2)) this.#trouble(b + this.#dice.between(1_000, 60_000), { do: 'serverRestore', newEpoch });
  }

  #revoke(): void {
    const device = this.#device();
    const at = this.#time();
    this.#trouble(at, { do: 'revoke', device, which: this.#dice.pick(['replica', 'login']) });
    if (this.#dice.chance(0.6)) this.#trouble(at + this.#dice.between(1_000, 60_000), { do: 'login', device });
  }
}
