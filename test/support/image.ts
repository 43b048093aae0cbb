/**
 * Builds and runs a Dockerfile where no Docker engine answers: each instruction is carried out, each command of it run. A
 * layer is an overlay on this machine's own root, which stands for the base image (Debian, the Node that runs the test), so the
 * paths are the image's. The mounts live in a namespace of their own and go with the process that holds it. Needs root.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, posix } from 'node:path';
import { promisify } from 'node:util';
import dockerignore from '@balena/dockerignore';
import { parseDockerfile, type Stage, type Step } from './dockerfile.ts';

const execute = promisify(execFile);

// Its types speak of a default export; the module is the function itself.
const createIgnore = dockerignore as unknown as typeof dockerignore.default;

export interface Image {
  readonly env: Readonly<Record<string, string>>;
  readonly workdir: string;
  readonly user: string;
  readonly command: readonly string[];
  readonly entrypoint: readonly string[];
  readonly healthcheck: readonly string[];
  readonly stopSignal: NodeJS.Signals;
}

export interface Finished {
  readonly code: number;
  readonly output: string;
}

export interface Container {
  /** Process 1 of the container, as this machine numbers it. */
  readonly pid: number;
  /** Resolves when the output matches; rejects when it ends before. */
  until(pattern: RegExp): Promise<RegExpExecArray>;
  /** As the engine runs it: the same environment, folder and user. */
  checkHealth(): Promise<Finished>;
  readonly ended: Promise<Finished>;
}

export interface Builder extends AsyncDisposable {
  readonly image: Image;
  /** A new volume, with the files and the owner that the image has in its place; it takes the place of one before. */
  createVolume(path: string): Promise<void>;
  /** As `docker run --read-only --cap-drop ALL --security-opt no-new-privileges --tmpfs /tmp` does, without --init. */
  run(env: Readonly<Record<string, string>>, command?: readonly string[]): Promise<Container>;
  /** A command in the place of the server, with the container's user and its read-only root. */
  exec(command: readonly string[]): Promise<Finished>;
}

const pathOfImages = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

export async function buildImage(dockerfile: string, contextFolder: string): Promise<Builder> {
  const place = await mkdtemp(join(tmpdir(), 'aibrain-image-'));
  const namespace = await openNamespace(place);
  try {
    const context = await sendContext(contextFolder, place);
    const stages = parseDockerfile(dockerfile);
    let built: Image = emptyState;
    for (const stage of stages) built = await buildStage(namespace, { stage, stages, place, context });
    const final = stages.at(-1)?.name ?? '';
    return createBuilder(namespace, join(place, final), built);
  } catch (error) {
    await namespace[Symbol.asyncDispose]();
    throw error;
  }
}

interface Namespace extends AsyncDisposable {
  readonly pid: number;
  /** A shell script of constant text, its parameters beside it. @throws when it fails, with what it said. */
  sh(script: string, ...parameters: readonly string[]): Promise<string>;
}

async function openNamespace(place: string): Promise<Namespace> {
  // Ends with its input, and so with this process, whatever becomes of it.
  const keeper = spawn('unshare', ['--mount', '--propagation', 'private', 'sh', '-c', 'echo ready; exec cat'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = once(keeper, 'close');
  await Promise.race([
    once(keeper.stdout, 'data'),
    ended.then(() => Promise.reject(new Error('no namespace of mounts: not root?'))),
  ]);
  const pid = keeper.pid ?? 0;
  const sh: Namespace['sh'] = async (script, ...parameters) => {
    const inside = ['--target', `${pid}`, '--mount', 'sh', '-ec', script, 'sh', ...parameters];
    try {
      return (await execute('nsenter', inside, { maxBuffer: 1e8 })).stdout;
    } catch (error) {
      const { stdout = '', stderr = '' } = error as { readonly stdout?: string; readonly stderr?: string };
      throw new Error(`failed: ${script} ${parameters.join(' ')}\n${stdout}\n${stderr}`);
    }
  };
  await sh('mount -t tmpfs tmpfs "$1"', place);
  return {
    pid,
    sh,
    async [Symbol.asyncDispose]() {
      keeper.stdin.end();
      await ended;
      await rm(place, { recursive: true, force: true });
    },
  };
}

/** What the build may see: everything that .dockerignore does not leave out. In the namespace's file system, by its path. */
async function sendContext(folder: string, place: string): Promise<string> {
  const lines = (await readFile(join(folder, '.dockerignore'), 'utf8')).split('\n');
  const rules = createIgnore().add(lines);
  const context = `${place}-context`;
  const names = (await readdir(folder)).filter((name) => name !== 'node_modules' && name !== '.git');
  await mkdir(context);
  for (const name of names) {
    const isFolder = (await stat(join(folder, name))).isDirectory();
    const files = isFolder ? await readdir(join(folder, name), { recursive: true }) : [''];
    for (const file of files.map((inside) => posix.join(name, inside)).filter((path) => !rules.ignores(path))) {
      if ((await stat(join(folder, file))).isDirectory()) continue;
      await mkdir(dirname(join(context, file)), { recursive: true });
      await copyFile(join(folder, file), join(context, file));
    }
  }
  return context;
}

interface Build {
  readonly stage: Stage;
  readonly stages: readonly Stage[];
  readonly place: string;
  readonly context: string;
}

const emptyState: Image = {
  env: { PATH: pathOfImages },
  workdir: '/',
  user: 'root',
  command: [],
  entrypoint: [],
  healthcheck: [],
  stopSignal: 'SIGTERM',
};

async function buildStage(namespace: Namespace, build: Build): Promise<Image> {
  const { stage, place } = build;
  if (!/^node:\d/.test(stage.base)) throw new Error(`${stage.base} cannot stand for this machine: only an image of Node can`);
  const root = join(place, stage.name);
  await namespace.sh(
    `mkdir -p "$1" "$1-changes/upper" "$1-changes/work"
     mount -t overlay overlay -o "lowerdir=/,upperdir=$1-changes/upper,workdir=$1-changes/work" "$1"
     mount -t proc proc "$1/proc"
     mount --rbind /dev "$1/dev"
     # What an image of Node brings and a machine may not: its user, and the Node at this place.
     sed -i -e '/^node:/d' -e '/^[^:]*:[^:]*:1000:/d' "$1/etc/passwd"; sed -i -e '/^node:/d' "$1/etc/group"
     echo 'node:x:1000:1000::/home/node:/bin/sh' >>"$1/etc/passwd"; echo 'node:x:1000:' >>"$1/etc/group"
     cmp -s "$2" "$1/usr/local/bin/node" || { rm -f "$1/usr/local/bin/node"; cp "$2" "$1/usr/local/bin/node"; }`,
    root,
    process.execPath,
  );
  let state = emptyState;
  for (const step of stage.steps) state = await carryOut(namespace, build, step, state);
  return state;
}

async function carryOut(namespace: Namespace, build: Build, step: Step, state: Image): Promise<Image> {
  const root = join(build.place, build.stage.name);
  switch (step.kind) {
    case 'WORKDIR':
      await namespace.sh('mkdir -p "$1"', join(root, step.path));
      return { ...state, workdir: step.path };
    case 'ENV':
      return { ...state, env: { ...state.env, ...step.values } };
    case 'COPY':
      for (const source of step.sources) await copy(namespace, build, step, source, state);
      return state;
    case 'RUN':
      await namespace.sh(
        'root=$1 folder=$2 command=$3; shift 3; exec chroot "$root" env -i "$@" sh -c "cd $folder && $command"',
        root,
        state.workdir,
        step.command,
        ...assignments({ ...state.env, HOME: '/root' }),
      );
      return state;
    case 'USER':
      return { ...state, user: step.user };
    case 'STOPSIGNAL':
      return { ...state, stopSignal: step.signal as NodeJS.Signals };
    case 'HEALTHCHECK':
      return { ...state, healthcheck: step.command };
    case 'ENTRYPOINT':
      return { ...state, entrypoint: step.command };
    case 'CMD':
      return { ...state, command: step.command };
    default:
      return state;
  }
}

/** Of a folder its contents, of a file the file; a target that ends with a slash is a folder. */
async function copy(
  namespace: Namespace,
  { stage, stages, place, context }: Build,
  step: Step & { readonly kind: 'COPY' },
  source: string,
  state: Image,
): Promise<void> {
  if (step.from !== null && !stages.some(({ name }) => name === step.from)) throw new Error(`no stage is called ${step.from}`);
  const from = step.from === null ? join(context, source) : join(place, step.from, source);
  const target = join(place, stage.name, posix.resolve(state.workdir, step.target));
  const isFolder = step.target.endsWith('/') ? 'yes' : '';
  await namespace.sh(
    `if [ -d "$1" ]; then mkdir -p "$2"; cp -a "$1/." "$2/"
     elif [ -n "$3" ]; then mkdir -p "$2"; cp -a "$1" "$2/"
     else mkdir -p "$(dirname "$2")"; cp -a "$1" "$2"; fi`,
    from,
    target,
    isFolder,
  );
}

function createBuilder(namespace: Namespace, root: string, image: Image): Builder {
  const running = `${root}-running`;
  let isMounted = false;
  const mountOnce = async (): Promise<void> => {
    if (isMounted) return;
    isMounted = true;
    await namespace.sh(
      `mkdir -p "$2"
       mount --bind "$1" "$2"
       mount -o remount,bind,ro "$2"
       mount -t tmpfs -o mode=1777,size=512m tmpfs "$2/tmp"
       mount --rbind /dev "$2/dev"`,
      root,
      running,
    );
  };
  const start = async (env: Readonly<Record<string, string>>, command: readonly string[]): Promise<ChildProcess> => {
    await mountOnce();
    return spawn('nsenter', inContainer(namespace, running, { ...image, env: { ...image.env, ...env } }, command), {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  };
  return {
    image,
    async createVolume(path) {
      await mountOnce();
      await namespace.sh(
        `volume=$(mktemp -d "$2-volume-XXXXXX"); cp -a "$1$3/." "$volume"
         chown --reference="$1$3" "$volume"; chmod --reference="$1$3" "$volume"
         mount --bind "$volume" "$2$3"`,
        root,
        running,
        path,
      );
    },
    async run(env, command = image.command) {
      const child = await start(env, [...image.entrypoint, ...command]);
      const checkHealth = async (): Promise<Finished> => follow(await start(env, image.healthcheck)).ended;
      const { ended, until } = follow(child);
      return { pid: await firstChildOf(child), ended, until, checkHealth };
    },
    exec: async (command) => follow(await start({}, command)).ended,
    [Symbol.asyncDispose]: async () => {
      await namespace[Symbol.asyncDispose]();
      await rm(`${dirname(root)}-context`, { recursive: true, force: true });
    },
  };
}

/** A process 1 of its own, the image's user, no capability and none to come. */
function inContainer(namespace: Namespace, root: string, image: Image, command: readonly string[]): readonly string[] {
  return [
    ...['--target', `${namespace.pid}`, '--mount'],
    ...['unshare', '--pid', '--fork', '--kill-child', `--mount-proc=${root}/proc`, 'chroot', root],
    ...['setpriv', `--reuid=${image.user}`, `--regid=${image.user}`, '--init-groups', '--no-new-privs'],
    ...['--bounding-set=-all', '--inh-caps=-all', 'env', '-i', ...assignments(image.env)],
    ...['sh', '-c', 'cd "$1" && shift && exec "$@"', 'sh', image.workdir, ...command],
  ];
}

const assignments = (env: Readonly<Record<string, string>>): readonly string[] =>
  Object.entries(env).map(([name, value]) => `${name}=${value}`);

function follow(child: ChildProcess): Pick<Container, 'ended' | 'until'> {
  let output = '';
  const listeners = new Set<() => void>();
  const hear = (text: Buffer): void => {
    output += text.toString();
    for (const listener of listeners) listener();
  };
  child.stdout?.on('data', hear);
  child.stderr?.on('data', hear);
  const ended = once(child, 'close').then(([code]) => ({ code: Number(code), output }));
  const until = (pattern: RegExp): Promise<RegExpExecArray> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        const found = pattern.exec(output);
        if (found !== null) resolve(found);
      };
      listeners.add(look);
      look();
      void ended.then(() => reject(new Error(`it ended: ${output}`)));
    });
  return { ended, until };
}

/** Of unshare, which forks because its child is to be process 1. */
async function firstChildOf(child: ChildProcess): Promise<number> {
  for (;;) {
    const children = await readFile(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').catch(() => '');
    const [first] = children.split(' ').filter((pid) => pid !== '');
    if (first !== undefined) return Number(first);
    if (child.exitCode !== null) throw new Error('the container has no process: it ended at once');
    await new Promise((resolve) => setImmediate(resolve));
  }
}
