import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadConfig, openConfigSource, planReload } from '../../../src/config/index.ts';

const author = (n: number): string => n.toString(16).padStart(64, '0');
const PEER = '12D3KooWGBfCdoGdXRYDbKHL1o7uhTBmgVNCXHzLNXNdmhwfFsXj';
const PRIVATE = { NODE_PRIVKEY_HEX: 'ab'.repeat(32) };

const read = (short: Readonly<Record<string, string>>) =>
  loadConfig({
    env: Object.fromEntries(Object.entries(short).map(([name, value]) => [`DIOTEC360_${name}`, value])),
    cwd: tmpdir(),
  });
const BASE = {
  TRUSTED_STATE_PUBKEYS: author(1),
  LATTICE_NODES: 'http://127.0.0.1:8001',
  P2P_LISTEN: '/ip4/127.0.0.1/tcp/9000',
  API_TOKEN: 'a.token.of.sixteen',
};

describe('a reload', () => {
  it.each([
    ['TRUSTED_STATE_PUBKEYS', `${author(1)},${author(2)}`],
    ['LATTICE_NODES', 'http://127.0.0.1:8001,http://127.0.0.1:8002'],
    ['P2P_BOOTSTRAP', `/ip4/127.0.0.1/tcp/9001/p2p/${PEER}`],
    ['API_TOKEN', 'another.token.of.sixteen'],
    ['LOG_LEVEL', 'debug'],
    ['ANNOUNCE', 'https://node.example'],
    ['KEY_FILE', 'another.key'],
    ['NODE_PRIVKEY_HEX', 'ab'.repeat(32)],
  ])('takes over %s, and shows it among the settings [N18, RO18]', (name, value) => {
    const next = read({ ...BASE, [name]: value });
    const { config, changed, needsRestart } = planReload(read(BASE), next);
    expect([changed, needsRestart]).toEqual([[`DIOTEC360_${name}`], []]);
    expect(config).toEqual(next);
  });

  it.each([
    ['API_PORT', '8100'],
    ['STATE_DIR', 'elsewhere'],
    ['CORS_ORIGINS', 'https://app.example'],
    ['HEARTBEAT_INTERVAL', '2'],
    ['ENVIRONMENT', 'production'],
  ])('leaves %s as it is, and names it as one that needs a restart [N18]', (name, value) => {
    const running = read(BASE);
    const { config, changed, needsRestart } = planReload(running, read({ ...BASE, [name]: value }));
    expect([changed, needsRestart]).toEqual([[], [`DIOTEC360_${name}`]]);
    expect(config).toEqual(running);
  });

  it('takes what it may beside what it may not, and sees another key behind "set" [N18]', () => {
    const running = read({ ...BASE, ...PRIVATE });
    const next = read({ ...BASE, NODE_PRIVKEY_HEX: 'cd'.repeat(32), LOG_LEVEL: 'warn', API_PORT: '8100' });
    const { config, changed, needsRestart } = planReload(running, next);
    expect([[...changed].sort(), needsRestart]).toEqual([
      ['DIOTEC360_LOG_LEVEL', 'DIOTEC360_NODE_PRIVKEY_HEX'],
      ['DIOTEC360_API_PORT'],
    ]);
    expect([config.logLevel, config.key, config.api.port]).toEqual(['warn', next.key, running.api.port]);
  });

  it('finds nothing where only the spelling is another [N18]', () => {
    const spelled = {
      ...BASE,
      TRUSTED_STATE_PUBKEYS: ` ${author(1).toUpperCase()} , `,
      LATTICE_NODES: 'HTTP://127.0.0.1:8001/',
    };
    expect(planReload(read(BASE), read(spelled))).toMatchObject({ changed: [], needsRestart: [] });
  });

  it('does not switch the P2P lung on or off: that needs a restart [N18]', () => {
    const { P2P_LISTEN: _, ...alone } = BASE;
    const dialling = { ...alone, P2P_BOOTSTRAP: `/ip4/127.0.0.1/tcp/9001/p2p/${PEER}` };
    for (const [from, to] of [
      [alone, dialling],
      [dialling, alone],
    ] as const) {
      const { config, changed, needsRestart } = planReload(read(from), read(to));
      expect([changed, needsRestart]).toEqual([[], ['DIOTEC360_P2P_BOOTSTRAP']]);
      expect(config.p2p).toEqual(read(from).p2p);
    }
  });

  it('judges production anew by what the node then runs with [N18]', () => {
    const production = { ...BASE, ENVIRONMENT: 'production', P2P_ENABLED: 'false' };
    const running = read({ ...production, TRUSTED_STATE_PUBKEYS: '' });
    expect(running.violations).toHaveLength(1);
    expect(planReload(running, read(production)).config.violations).toEqual([]);
    expect(planReload(read(production), running).config.violations).toEqual(running.violations);
  });
});

describe('what a configuration is read from again', () => {
  let dir: string;
  beforeEach(() => void (dir = mkdtempSync(join(tmpdir(), 'lattice-reload-'))));
  afterEach(() => rmSync(dir, { recursive: true }));
  const code = (again: () => unknown): string => {
    try {
      again();
    } catch (error) {
      return (error as { code: string }).code;
    }
    return 'read';
  };

  it('is the env file, as it is then; one that is bad or gone is refused [N18]', () => {
    const file = join(dir, 'n.env');
    writeFileSync(file, 'DIOTEC360_LOG_LEVEL=info\n');
    const source = openConfigSource({ env: {}, envFile: 'n.env', cwd: dir });
    writeFileSync(file, 'DIOTEC360_LOG_LEVEL=debug\n');
    expect([source.config.logLevel, source.again().logLevel]).toEqual(['info', 'debug']);
    writeFileSync(file, 'DIOTEC360_LOG_LEVEL=loud\n');
    expect(code(source.again)).toBe('invalid-config');
    rmSync(file);
    expect(code(source.again)).toBe('invalid-config');
  });

  it('is .env of the working directory where there is one, and nothing in the environment alone [N18]', () => {
    const none = openConfigSource({ env: {}, cwd: dir });
    expect(code(none.again)).toBe('reload-impossible');
    writeFileSync(join(dir, '.env'), 'DIOTEC360_LOG_LEVEL=warn\n');
    expect(openConfigSource({ env: {}, cwd: dir }).again().logLevel).toBe('warn');
  });

  it.skipIf(process.platform === 'win32')('is no pipe, also when a file has its descriptor later [N18]', () => {
    const fifo = join(dir, 'fifo');
    execFileSync('mkfifo', [fifo]);
    spawn('sh', ['-c', 'echo DIOTEC360_LOG_LEVEL=warn > fifo'], { cwd: dir });
    const piped = openConfigSource({ env: {}, envFile: fifo, cwd: dir });
    rmSync(fifo);
    writeFileSync(fifo, 'DIOTEC360_LOG_LEVEL=debug\n');
    expect([piped.config.logLevel, code(piped.again)]).toEqual(['warn', 'reload-impossible']);
  });
});
