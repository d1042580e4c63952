import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { planFleet, writeFleet } from '../../../src/config/fleet.ts';
import { loadConfig } from '../../../src/config/index.ts';
import { instructionsOf } from '../../support/dockerfile.ts';
import { ROOT, read } from './support.ts';

const instructions = instructionsOf(read('deploy/docker/Dockerfile'));
const last = instructions.map(({ name }) => name).lastIndexOf('FROM');
const final = instructions.slice(last);
const manifest = JSON.parse(read('package.json')) as { scripts: Record<string, string>; bin: Record<string, string> };

describe('Dockerfile', () => {
  it('knows its instructions only', () => {
    const known = [
      'FROM',
      'WORKDIR',
      'COPY',
      'RUN',
      'LABEL',
      'ENV',
      'USER',
      'VOLUME',
      'EXPOSE',
      'HEALTHCHECK',
      'ENTRYPOINT',
      'CMD',
    ];
    expect(instructions.filter(({ name }) => !known.includes(name))).toEqual([]);
  });

  it('copies only what is there and what the ignore file lets through', () => {
    const allowed = read('deploy/docker/Dockerfile.dockerignore')
      .split('\n')
      .filter((line) => line.startsWith('!'))
      .map((line) => line.slice(1));
    const sources = instructions
      .filter(({ name, text }) => name === 'COPY' && !text.includes('--from='))
      .flatMap(({ text }) =>
        text
          .split(' ')
          .filter((word) => !word.startsWith('--'))
          .slice(0, -1),
      );
    expect(sources.length).toBeGreaterThan(5);
    for (const source of sources) {
      expect(existsSync(ROOT + source), source).toBe(true);
      expect(allowed, source).toContain(source);
    }
    for (const path of allowed) expect(sources, `${path} is let through for nothing`).toContain(path);
  });

  it('takes from its stages only what they make', () => {
    const stages = instructions.filter(({ name }) => name === 'FROM').map(({ text }) => / AS (\S+)$/.exec(text)?.[1]);
    for (const { text } of final.filter(({ name, text: t }) => name === 'COPY' && t.includes('--from='))) {
      const [, stage, path] = /--from=(\S+) (\S+)/.exec(text) ?? [];
      expect(stages).toContain(stage);
      expect(['/app/node_modules', '/src/dist']).toContain(path);
    }
  });

  it('runs scripts that exist, installs by the lock file, and leaves the development dependencies out', () => {
    const runs = instructions.filter(({ name }) => name === 'RUN').map(({ text }) => text);
    const scripts = runs.flatMap((text) => /npm run -s (\S+)/.exec(text)?.[1] ?? []);
    expect(scripts).toEqual(['build']);
    for (const script of scripts) expect(manifest.scripts[script]).toBeDefined();
    for (const text of runs.filter((r) => r.startsWith('npm ci'))) expect(text).toContain('--ignore-scripts');
    const dependencies = instructions.slice(0, last).findIndex(({ text }) => text.endsWith('AS dependencies'));
    const stage = instructions.slice(dependencies, last);
    expect(stage.find(({ name }) => name === 'RUN')?.text).toContain('--omit=dev');
    // .npmrc says include=dev, which would win over --omit=dev.
    expect(stage.filter(({ name }) => name === 'COPY').map(({ text }) => text)).toEqual([
      'package.json package-lock.json ./',
    ]);
  });

  it('ends as an unprivileged user with a health check, the command line as its entry point', () => {
    const names = final.map(({ name }) => name);
    expect(final.find(({ name }) => name === 'USER')?.text).toBe('node');
    expect(names.indexOf('USER')).toBeGreaterThan(names.lastIndexOf('RUN'));
    expect(names).toContain('HEALTHCHECK');
    expect(final.find(({ name }) => name === 'ENTRYPOINT')?.text).toBe(
      `["node", "--", "/app/${manifest.bin['lattice']?.replace('./', '')}"]`,
    );
  });

  it('the health check is a program that tells a node that answers from one that does not', () => {
    const command = JSON.parse(
      /CMD (\[.*\])$/.exec(final.find(({ name }) => name === 'HEALTHCHECK')?.text ?? '')?.[1] ?? '[]',
    ) as string[];
    expect(command.slice(0, 2)).toEqual(['node', '-e']);
    const run = (script: string, port: string) =>
      spawnSync(process.execPath, ['-e', script], { env: { DIOTEC360_API_PORT: port }, timeout: 120_000 }).status;
    const script = command[2] ?? '';
    // A server of the same process would not answer while the check is waited for: it stands in the check's own
    // process.
    const serve = (status: number) =>
      `require('node:http').createServer((q, s) => { s.statusCode = q.url === '/health' ? ${status} : 404; s.end(); }).listen(0, '127.0.0.1', function () { process.env.DIOTEC360_API_PORT = this.address().port; ${script} })`;
    expect(run(serve(200), '0')).toBe(0);
    expect(run(serve(503), '0')).toBe(1);
    expect(run(script, '1')).toBe(1);
  });
});

interface Service {
  readonly command?: readonly string[];
  readonly entrypoint?: readonly string[];
  readonly restart?: string;
  readonly read_only: boolean;
  readonly cap_drop: readonly string[];
  readonly security_opt: readonly string[];
  readonly ports?: readonly string[];
  readonly volumes: readonly string[];
  readonly depends_on?: Record<string, { readonly condition: string }>;
  readonly environment?: unknown;
}
const compose = parse(read('deploy/compose/compose.yaml'), { merge: true }) as {
  services: Record<string, Service>;
  volumes: Record<string, unknown>;
};
const nodes = Object.entries(compose.services).filter(([name]) => name !== 'fleet');

describe('compose file', () => {
  it('has the three genesis nodes, each started with its own env file after the fleet was made', () => {
    expect(nodes.map(([name]) => name)).toEqual(['node1-huggingface', 'node2-diotec360', 'node3-backup']);
    for (const [name, service] of nodes) {
      expect(service.command).toEqual(['start', '--env-file', `/fleet/${name}.env`]);
      expect(service.depends_on).toEqual({ fleet: { condition: 'service_completed_successfully' } });
    }
  });

  it('holds no secret, gives no privilege, publishes on loopback only, and is started again when it fails [N9]', () => {
    expect(read('deploy/compose/compose.yaml')).not.toMatch(/[0-9a-f]{64}|API_TOKEN=\S/);
    for (const service of Object.values(compose.services)) {
      expect(service.environment).toBeUndefined();
      expect(service.read_only).toBe(true);
      expect(service.cap_drop).toEqual(['ALL']);
      expect(service.security_opt).toEqual(['no-new-privileges:true']);
    }
    for (const [, service] of nodes) {
      expect(service.restart).toBe('on-failure');
      for (const port of service.ports ?? []) expect(port).toMatch(/^127\.0\.0\.1:\d+:8000$/);
    }
  });

  it('uses every volume that it names; a state belongs to one node, keys are read-only for nodes', () => {
    const used = Object.values(compose.services).flatMap(({ volumes }) =>
      volumes.map((volume) => volume.split(':')[0]),
    );
    expect(new Set(used)).toEqual(new Set(Object.keys(compose.volumes)));
    for (const [, { volumes }] of nodes) {
      expect(volumes[0]).toBe('fleet:/fleet:ro');
      expect(used.filter((name) => name === volumes[1]?.split(':')[0])).toHaveLength(1);
    }
  });
});

describe('make-fleet.sh', () => {
  const made: string[] = [];
  afterEach(() => {
    for (const dir of made.splice(0)) rmSync(dir, { recursive: true, force: true });
  });
  const temporary = (): string => {
    const dir = mkdtempSync(join(tmpdir(), 'lattice-make-fleet-'));
    made.push(dir);
    return dir;
  };

  /** Stands for `lattice init`: hands out a fleet made by the same code. */
  function initCommand(): string {
    const source = join(temporary(), 'fleet');
    writeFleet(planFleet({ dir: source, nodes: 3, basePort: 8000, p2pBasePort: 9000 }));
    const script = join(temporary(), 'init.sh');
    writeFileSync(
      script,
      `[ "$*" = "init --dir $3 --nodes 3 --base-port 8000 --p2p-base-port 9000" ] || exit 9\ncp -rp '${source}' "$3"\n`,
    );
    return `sh ${script}`;
  }
  const run = (dir: string, lattice: string) =>
    spawnSync('sh', [join(ROOT, 'deploy/docker/make-fleet.sh'), dir], {
      env: { PATH: process.env['PATH'], LATTICE: lattice },
      encoding: 'utf8',
    });

  it('makes env files that load without a warning and name the nodes by their container names', () => {
    const dir = temporary();
    const { status, stderr } = run(dir, initCommand());
    expect([status, stderr]).toEqual([0, '']);
    const names = nodes.map(([name]) => name);
    expect(readdirSync(dir).sort()).toEqual(
      [...names.flatMap((name) => [`${name}.env`, `${name}.key`]), 'fleet.json'].sort(),
    );
    for (const name of names) {
      const config = loadConfig({ env: {}, envFile: join(dir, `${name}.env`), cwd: dir });
      const others = names.filter((other) => other !== name);
      expect(config.warnings).toEqual([]);
      expect(config.name).toBe(name);
      expect([config.api.host, config.api.port]).toEqual(['0.0.0.0', 8000]);
      expect(config.api.token).toBeDefined();
      expect(config.http.nodes).toEqual(others.map((other) => `http://${other}:8000`));
      expect(config.p2p.listen).toEqual(['/ip4/0.0.0.0/tcp/9000']);
      expect(config.p2p.bootstrap.map((address) => address.replace(/\/p2p\/.*/, ''))).toEqual(
        others.map((other) => `/dns4/${other}/tcp/9000`),
      );
      expect(config.key).toEqual({ source: 'file', path: join(dir, `${name}.key`) });
      for (const file of [`${name}.env`, `${name}.key`]) expect(statSync(join(dir, file)).mode & 0o777).toBe(0o600);
    }
    const fleet = readFileSync(join(dir, 'fleet.json'), 'utf8');
    expect(fleet).not.toContain('127.0.0.1');
    expect(fleet).toContain('"http://node3-backup:8000"');
  });

  it('leaves a fleet alone that is there, and starts over after one that was interrupted', () => {
    const dir = temporary();
    expect(run(dir, 'false').status).not.toBe(0);
    writeFileSync(join(dir, 'left-over'), '');
    const init = initCommand();
    expect(run(dir, init).status).toBe(0);
    const before = readFileSync(join(dir, 'fleet.json'), 'utf8');
    expect(run(dir, 'false').status).toBe(0);
    expect(readFileSync(join(dir, 'fleet.json'), 'utf8')).toBe(before);
  });
});
