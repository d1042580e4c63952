import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseEnv } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { nextFreeRange } from '../../src/cli/up/ports.ts';
import type { NodeStatus } from '../../src/runtime/facade/index.ts';
import { recipeOf } from '../support/dockerfile.ts';
import { guideSteps } from '../support/guide.ts';
import { IMAGE_USER, isRoot, makeImage } from '../support/image.ts';
import { eventually } from '../support/wait.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const read = (path: string): string => readFileSync(ROOT + path, 'utf8');
const DOCKERFILE = read('deploy/docker/Dockerfile');
const recipe = recipeOf(DOCKERFILE);
const CONVERGED_MS = 90_000;

interface Service {
  readonly entrypoint?: readonly string[];
  readonly command?: readonly string[];
  readonly volumes: readonly string[];
  readonly ports?: readonly string[];
}
const { services } = parse(read('deploy/compose/compose.yaml'), { merge: true, strict: true, uniqueKeys: true }) as {
  readonly services: Readonly<Record<string, Service>>;
};

/** The words of a shell line, without quotes. */
const wordsOf = (line: string): readonly string[] =>
  Array.from(line.matchAll(/'([^']*)'|(\S+)/g), ([, quoted, bare]) => quoted ?? bare ?? '');

/** The blocks of the guide, each whole line as words. */
const lines = guideSteps(read('docs/deployment.md'))
  .filter(({ section }) => section === 'Containers')
  .flatMap(({ script }) => script.replaceAll(/\\\n\s*/g, '').split('\n'))
  .map(wordsOf);

/** A container without a container: the processes of the image, whose absolute paths lie below a directory. */
interface Container {
  readonly name: string;
  /** Where the paths of the image and of its volumes are on this machine. */
  readonly paths: Readonly<Record<string, string>>;
  readonly env: Readonly<Record<string, string>>;
  child?: ChildProcess;
}

describe('the containers of docs/deployment.md, as processes of this machine', () => {
  let dir: string;
  let image: string;
  /** The volume with keys, tokens and env files. */
  let fleet: string;
  let containers: readonly Container[] = [];

  const mapped = ({ paths }: Container, word: string): string => {
    const [from, to] = Object.entries(paths).find(([path]) => word === path || word.startsWith(`${path}/`)) ?? [];
    return from === undefined || to === undefined ? word : to + word.slice(from.length);
  };
  /** How a process of the image is started: by its user, in its directory, with its variables. */
  const options = (container: Container) => ({
    cwd: join(image, 'app'),
    env: {
      PATH: process.env['PATH'] ?? '',
      ...Object.fromEntries(Object.entries(recipe.env).map(([name, value]) => [name, mapped(container, value)])),
      ...container.env,
    },
    ...(isRoot ? { uid: IMAGE_USER, gid: IMAGE_USER } : {}),
  });
  function inside(container: Container, words: readonly string[]): string {
    const [program = '', ...args] = words.map((word) => mapped(container, word));
    const { status, stdout, stderr } = spawnSync(program, args, { ...options(container), encoding: 'utf8' });
    if (status !== 0) throw new Error(`${words.join(' ')} ended with ${status}: ${stdout}${stderr}`);
    return stdout;
  }
  const statusOf = async ({ env }: Container): Promise<NodeStatus> =>
    (await (await fetch(`${env['DIOTEC360_URL']}/api/v1/status`)).json()) as NodeStatus;

  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), 'lattice-containers-'));
    execFileSync('chmod', ['755', dir]);
    expect(lines[0]).toEqual(['docker', 'build', '-f', 'deploy/docker/Dockerfile', '-t', 'diotec360-lattice', '.']);
    image = makeImage(ROOT, DOCKERFILE, dir);
    fleet = join(image, 'fleet');
  }, 240_000);
  afterAll(async () => {
    for (const { child } of containers) {
      if (child === undefined || child.exitCode !== null) continue;
      child.kill('SIGTERM');
      await once(child, 'close');
    }
    rmSync(dir, { recursive: true, force: true });
  }, 120_000);

  it('the image has what its entry point, its health check and its first service run, and nothing of a checkout', () => {
    expect(readdirSync(join(image, 'app')).sort()).toEqual([
      'LICENSE',
      'dist',
      'node_modules',
      'package.json',
      'samples',
    ]);
    expect(readdirSync(join(image, 'app/node_modules'))).not.toContain('typescript');
    const { fleet: first } = services;
    const made: Container = { name: 'fleet', paths: { '/fleet': fleet }, env: {} };
    const [program = '', ...args] = first?.entrypoint ?? [];
    expect(program).toBe('make-fleet');
    // The image's own path stands in the script: here it is below a directory.
    const LATTICE = `node -- ${join(image, 'app/dist/cli/main.js')}`;
    const output = inside({ ...made, env: { LATTICE } }, [join(image, 'usr/local/bin', program), ...args]);
    expect(output).toContain('made a fleet of 3 nodes');
    expect(readdirSync(fleet).filter((name) => name.endsWith('.env'))).toHaveLength(3);
  });

  it('compose up and docker run start nodes that converge; exec and the health check do what they say [N9]', async () => {
    const up = lines.find((words) => words.includes('up')) ?? expect.fail('compose up');
    expect(up).toEqual(['docker', 'compose', '-f', 'deploy/compose/compose.yaml', 'up', '-d']);
    const names = Object.keys(services).filter((name) => name !== 'fleet');
    // Each container has its own network, in which it is called by its name. Here they share one.
    const base = await nextFreeRange(27_500 + (process.pid % 1000), 2 * names.length);
    const here = (text: string): string =>
      names.reduce(
        (all, name, i) =>
          all
            .replaceAll(`http://${name}:8000`, `http://127.0.0.1:${base + i}`)
            .replaceAll(`/dns4/${name}/tcp/9000/`, `/ip4/127.0.0.1/tcp/${base + names.length + i}/`),
        text,
      );
    containers = names.map((name, i): Container => {
      const env = parseEnv(readFileSync(join(fleet, `${name}.env`), 'utf8'));
      const state = join(dir, 'volumes', name);
      mkdirSync(state, { recursive: true });
      if (isRoot) chownSync(state, IMAGE_USER, IMAGE_USER);
      const paths = { '/app': join(image, 'app'), '/fleet': fleet, '/var/lib/diotec360-lattice': state };
      // What is mounted and published there is what the image has for it.
      expect(services[name]?.volumes.map((volume) => volume.split(':')[1])).toEqual([
        '/fleet',
        '/var/lib/diotec360-lattice',
      ]);
      for (const port of services[name]?.ports ?? []) expect(recipe.ports).toContain(Number(port.split(':').at(-1)));
      expect([env['DIOTEC360_API_PORT'], env['DIOTEC360_P2P_LISTEN']]).toEqual(['8000', '/ip4/0.0.0.0/tcp/9000']);
      return {
        name,
        paths,
        env: {
          DIOTEC360_API_PORT: String(base + i),
          DIOTEC360_URL: `http://127.0.0.1:${base + i}`,
          DIOTEC360_P2P_LISTEN: `/ip4/127.0.0.1/tcp/${base + names.length + i}`,
          DIOTEC360_LATTICE_NODES: here(env['DIOTEC360_LATTICE_NODES'] ?? ''),
          DIOTEC360_P2P_BOOTSTRAP: here(env['DIOTEC360_P2P_BOOTSTRAP'] ?? ''),
        },
      };
    });

    // The second node runs as `docker run` of the guide has it: by its own files and its own name for them.
    const alone = lines.find((words) => words[1] === 'run') ?? expect.fail('docker run');
    const after = alone.indexOf('diotec360-lattice');
    const mounts = alone.flatMap((word, i) => (word === '-v' ? (alone[i + 1] ?? '').split(':').slice(0, 2) : []));
    const published = alone.flatMap((word, i) => (word === '-p' ? Number(alone[i + 1]?.split(':').at(-1)) : []));
    expect(published).toEqual(recipe.ports);
    expect([mounts[1], mounts[3]]).toEqual(['/fleet', '/var/lib/diotec360-lattice']);
    const [, second] = containers as readonly [Container, Container];
    const own = join(dir, 'srv');
    mkdirSync(own);
    cpSync(join(fleet, `${second.name}.env`), join(own, 'node2.env'));
    cpSync(join(fleet, `${second.name}.key`), join(own, `${second.name}.key`));
    if (isRoot) for (const file of readdirSync(own)) chownSync(join(own, file), IMAGE_USER, IMAGE_USER);
    const single: Container = { ...second, paths: { ...second.paths, '/fleet': own } };
    containers = containers.map((one) => (one === second ? single : one));

    const before = readdirSync(image, { recursive: true }).length;
    const output = new Map<string, string>();
    for (const container of containers) {
      const args = container === single ? alone.slice(after + 1) : (services[container.name]?.command ?? []);
      const [program = '', ...entry] = recipe.command.slice(0, -1).map((word) => mapped(container, word));
      container.child = spawn(program, [...entry, ...args.map((word) => mapped(container, word))], {
        ...options(container),
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      for (const stream of [container.child.stdout, container.child.stderr])
        stream?.setEncoding('utf8').on('data', (part: string) => {
          output.set(container.name, (output.get(container.name) ?? '') + part);
        });
    }
    const check = JSON.parse(/CMD (\["node", "-e".*\])$/m.exec(DOCKERFILE)?.[1] ?? '[]') as readonly string[];
    const [first] = containers as readonly [Container];
    await eventually(
      'all three have converged',
      async () => {
        const over = containers.find(({ child }) => child?.exitCode !== null);
        if (over !== undefined) throw new Error(output.get(over.name));
        return (await Promise.all(containers.map(statusOf))).every(({ verdict }) => verdict.kind === 'CONVERGED');
      },
      CONVERGED_MS,
    );
    for (const container of containers) inside(container, check);

    const executed = lines.filter((words) => words.includes('exec'));
    expect(executed.length).toBeGreaterThan(1);
    for (const words of executed) {
      const at = words.indexOf('exec');
      expect(words.slice(0, at)).toEqual(up.slice(0, 4));
      const container = containers.find(({ name }) => name === words[at + 1]) ?? expect.fail(words[at + 1]);
      expect(inside(container, words.slice(at + 2))).toMatch(/CONVERGED|Wrote greeting/);
    }
    // Nothing is written outside the volumes, so that the file system may be read-only.
    expect(readdirSync(image, { recursive: true })).toHaveLength(before);

    first.child?.kill('SIGTERM');
    expect(await once(first.child as ChildProcess, 'close')).toEqual([0, null]);
    expect(() => inside(first, check)).toThrow(/ended with 1/);
  }, 240_000);
});
