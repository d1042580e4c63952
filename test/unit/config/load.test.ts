import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { createSigner } from '../../../src/adapters/system/keys.ts';
import { type Config, loadConfig, namesOf, VARIABLES, type Variable } from '../../../src/config/index.ts';
import { originalData } from '../../support/original-data.ts';
import { flawsOf, latticeErrorOf, load, NOWHERE, problemsOf, useDirectory } from './support.ts';

const keyOf = (n: number): string => createSigner(Uint8Array.from({ length: 32 }, () => n)).author;
const TOKEN = 'a-token-of-more-than-16-characters';

describe('defaults', () => {
  it('are those of the contract, on 127.0.0.1 while there is no token', () => {
    expect(load({})).toEqual({
      name: '',
      role: '',
      names: [],
      environment: 'development',
      network: 'aethel/lattice/v1',
      stateDir: join(NOWHERE, '.diotec360_state'),
      vaultDir: join(NOWHERE, '.diotec360_vault'),
      sentinelDir: join(NOWHERE, '.diotec360_sentinel'),
      vault: {
        enabled: true,
        policy: 'all',
        maxObjectBytes: 64 * 2 ** 20,
        capacityBytes: undefined,
        store: { kind: 'files' },
      },
      legacy: [],
      importLegacy: 'off',
      logLevel: 'info',
      logFormat: 'json',
      metrics: true,
      api: {
        enabled: true,
        host: '127.0.0.1',
        port: 8000,
        token: undefined,
        readToken: undefined,
        corsOrigins: [],
        allowedHosts: [],
        trustedProxies: [],
        publicSync: false,
        legacySwitch: 'token',
      },
      key: { source: 'file', path: join(NOWHERE, '.diotec360_state', 'node.key') },
      p2p: {
        enabled: false,
        listen: [],
        bootstrap: [],
        topic: 'aethel/lattice/v1',
        mdns: false,
        open: false,
        flaws: [],
      },
      safeMode: false,
      http: { nodes: [], pollIntervalMs: 10_000 },
      announce: [],
      heartbeatIntervalMs: 1000,
      peerlessTimeoutMs: 3000,
      trusted: [],
      violations: [],
      settings: expect.any(Array),
      warnings: [expect.stringMatching(/127\.0\.0\.1 instead of 0\.0\.0\.0.*DIOTEC360_API_TOKEN/)],
    } satisfies Config);
  });

  it('parse by the rule of their own variable', () => {
    const env = Object.fromEntries(VARIABLES.map((variable) => [`DIOTEC360_${variable.name}`, variable.default]));
    expect({ ...load(env), settings: [] }).toEqual({ ...load({}), settings: [] });
  });

  it('log for people on a terminal unless told otherwise', () => {
    const options = { cwd: NOWHERE, terminal: true };
    expect(loadConfig({ ...options, env: {} }).logFormat).toBe('pretty');
    expect(loadConfig({ ...options, env: { DIOTEC360_LOG_FORMAT: 'json' } }).logFormat).toBe('json');
  });

  it('are frozen all the way down', () => {
    const config = load({ DIOTEC360_LATTICE_NODES: 'http://a.example' });
    const frozen = (value: unknown): boolean =>
      typeof value !== 'object' || value === null || (Object.isFrozen(value) && Object.values(value).every(frozen));
    expect(frozen(config)).toBe(true);
  });
});

describe('settings for operators', () => {
  const settingOf = (env: Record<string, string>, name: string) =>
    load(env).settings.find((s) => s.name === `DIOTEC360_${name}`);

  it('say where each value comes from', () => {
    expect(settingOf({}, 'P2P_TOPIC')).toMatchObject({ value: 'aethel/lattice/v1', source: 'default' });
    expect(settingOf({ DIOTEC360_NODE_NAME: 'a' }, 'NODE_NAME')).toMatchObject({ value: 'a', source: 'environment' });
    expect(settingOf({ AETHEL_NODE_NAME: 'a' }, 'NODE_NAME')).toMatchObject({ value: 'a', source: 'legacy' });
    expect(settingOf({ PORT: '9' }, 'API_PORT')).toMatchObject({ value: '9', source: 'legacy' });
  });

  it('never hold a secret', () => {
    const token = 'a-token-that-nobody-sees';
    const config = load({ DIOTEC360_API_TOKEN: token, DIOTEC360_NODE_PRIVKEY_HEX: '11'.repeat(32) });
    const secrets = config.settings.filter((s) => s.secret);
    expect(secrets.map(({ name }) => name).sort()).toEqual([
      'DIOTEC360_API_TOKEN',
      'DIOTEC360_NODE_PRIVKEY_HEX',
      'DIOTEC360_READ_TOKEN',
      'DIOTEC360_S3_ACCESS_KEY_ID',
      'DIOTEC360_S3_SECRET_ACCESS_KEY',
      'DIOTEC360_S3_SESSION_TOKEN',
    ]);
    expect(secrets.filter(({ value }) => value === 'set').map(({ name }) => name)).toEqual([
      'DIOTEC360_NODE_PRIVKEY_HEX',
      'DIOTEC360_API_TOKEN',
    ]);
    expect(JSON.stringify(config.settings)).not.toMatch(/a-token-that|1111/);
    expect(settingOf({}, 'API_TOKEN')?.value).toBe('not set');
  });
});

describe('names', () => {
  it('of the table are each used once', () => {
    const names = VARIABLES.flatMap((variable) => namesOf(variable));
    expect(new Set(names).size).toBe(names.length);
  });

  it.each([
    ['DIOTEC360 over AETHEL', { DIOTEC360_NODE_NAME: 'new', AETHEL_NODE_NAME: 'old' }, 'new'],
    ['AETHEL where DIOTEC360 is empty', { DIOTEC360_NODE_NAME: '', AETHEL_NODE_NAME: 'old' }, 'old'],
    ['AETHEL where DIOTEC360 is blank', { DIOTEC360_NODE_NAME: '  ', AETHEL_NODE_NAME: 'old' }, 'old'],
    ['AETHEL alone', { AETHEL_NODE_NAME: 'old' }, 'old'],
    ['the default where both are empty', { DIOTEC360_NODE_NAME: '', AETHEL_NODE_NAME: '' }, ''],
  ])('are read as %s', (_, env, name) => {
    expect(load(env).name).toBe(name);
  });

  it('of the port are DIOTEC360_API_PORT, then AETHEL_API_PORT, then PORT', () => {
    expect(load({ PORT: '1', AETHEL_API_PORT: '2', DIOTEC360_API_PORT: '3' }).api.port).toBe(3);
    expect(load({ PORT: '1', AETHEL_API_PORT: '2' }).api.port).toBe(2);
    expect(load({ PORT: '1' }).api.port).toBe(1);
    expect(problemsOf(() => load({ PORT: 'x' }))).toEqual([expect.objectContaining({ variable: 'PORT', value: 'x' })]);
  });

  it('of the environment are ENVIRONMENT and ENV', () => {
    for (const name of ['DIOTEC360_ENVIRONMENT', 'DIOTEC360_ENV', 'AETHEL_ENVIRONMENT', 'AETHEL_ENV']) {
      expect(load({ [name]: 'Production' }).environment, name).toBe('production');
    }
    expect(load({ DIOTEC360_ENV: 'production', AETHEL_ENV: 'development' }).environment).toBe('production');
    expect(problemsOf(() => load({ DIOTEC360_ENV: 'production', DIOTEC360_ENVIRONMENT: 'development' }))).toHaveLength(
      1,
    );
  });

  it.each([
    ['DIOTEC360_P2P_LISTENS', 'DIOTEC360_P2P_LISTEN'],
    ['DIOTEC360_P2P_BOOSTRAP', 'DIOTEC360_P2P_BOOTSTRAP'],
    ['DIOTEC360_TRUSTED_STATE_KEYS', 'DIOTEC360_TRUSTED_STATE_PUBKEYS'],
    ['DIOTEC360_LATTICE_NODE', 'DIOTEC360_LATTICE_NODES'],
    ['DIOTEC360_API_PROT', 'DIOTEC360_API_PORT'],
    ['diotec360_api_port', 'DIOTEC360_API_PORT'],
  ])('with a typing error (%s) warn with the nearest one (%s)', (wrong, right) => {
    expect(load({ [wrong]: '1' }).warnings).toContainEqual(
      expect.stringMatching(new RegExp(`^${wrong} .*did you mean ${right}\\?`)),
    );
  });

  it('far from any warn without a guess, and others not at all', () => {
    const before = load({}).warnings;
    const { warnings } = load({ DIOTEC360_COLOUR_OF_THE_SKY: 'blue', HOME: '/', AETHEL_RIGOR: '1', DIOTEC360: 'x' });
    expect(warnings.filter((text) => !before.includes(text))).toEqual([
      'DIOTEC360_COLOUR_OF_THE_SKY is not a variable of this node and has no effect',
    ]);
  });

  it('by the thousand warn at most 20 times', () => {
    const env = Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`DIOTEC360_${'X'.repeat(i)}`, '1']));
    expect(load(env).warnings.length).toBeLessThanOrEqual(21);
  });
});

describe('env file', () => {
  const dir = useDirectory();
  const write = (name: string, text: string): void => writeFileSync(join(dir(), name), text, { mode: 0o600 });

  it('.env in the working directory is read where there is one', () => {
    expect(loadConfig({ env: {}, cwd: dir() }).name).toBe('');
    write('.env', 'DIOTEC360_NODE_NAME=here\n');
    expect(loadConfig({ env: {}, cwd: dir() }).name).toBe('here');
  });

  it('given by name is read instead, relative to the working directory, and must exist', () => {
    write('.env', 'DIOTEC360_NODE_NAME=here\n');
    mkdirSync(join(dir(), 'sub'));
    write('sub/a.env', 'DIOTEC360_NODE_ROLE=r\n');
    const config = loadConfig({ env: {}, cwd: dir(), envFile: 'sub/a.env' });
    expect([config.name, config.role]).toEqual(['', 'r']);
    const problems = problemsOf(() => loadConfig({ env: {}, cwd: dir(), envFile: 'none.env' }));
    expect(problems).toEqual([
      expect.objectContaining({
        variable: join(dir(), 'none.env'),
        rule: 'it cannot be read: no such file or directory',
      }),
    ]);
    expect(problemsOf(() => loadConfig({ env: {}, cwd: dir(), envFile: 'sub' }))).toHaveLength(1);
    // What the defaults would come to says nothing about a file that is not there.
    const none = latticeErrorOf(() => loadConfig({ env: {}, cwd: dir(), envFile: 'none.env' }));
    expect(none.message).toBe(`${join(dir(), 'none.env')}: it cannot be read: no such file or directory`);
  });

  it('never overrides the process environment, not even an empty name of it', () => {
    write('.env', 'DIOTEC360_NODE_NAME=file\nDIOTEC360_NODE_ROLE=file\nDIOTEC360_P2P_TOPIC=file\n');
    const config = loadConfig({ env: { DIOTEC360_NODE_NAME: 'process', DIOTEC360_NODE_ROLE: '' }, cwd: dir() });
    expect([config.name, config.role, config.p2p.topic]).toEqual(['process', '', 'file']);
  });

  it('resolves its relative paths against itself, those of the environment against the working directory', () => {
    mkdirSync(join(dir(), 'sub'));
    write('sub/a.env', 'DIOTEC360_STATE_DIR=state\nDIOTEC360_KEY_FILE=../k\nDIOTEC360_VAULT_DIR=/v\n');
    const config = loadConfig({ env: { DIOTEC360_SENTINEL_DIR: 's' }, cwd: dir(), envFile: 'sub/a.env' });
    expect(config.stateDir).toBe(join(dir(), 'sub', 'state'));
    expect(config.key).toEqual({ source: 'file', path: join(dir(), 'k') });
    expect(config.vaultDir).toBe(resolve('/v'));
    expect(config.sentinelDir).toBe(join(dir(), 's'));
  });

  it('may have quotes, comments, export, Windows line ends, a byte order mark and values over lines', () => {
    write(
      '.env',
      '\uFEFFDIOTEC360_NODE_NAME="a # b" # c\r\n# it\'s\r\n\r\nexport DIOTEC360_NODE_ROLE=r # c\r\nOTHER="one\r\ntwo\r\n three"\r\nDIOTEC360_API_PORT=1\r\n',
    );
    const config = loadConfig({ env: {}, cwd: dir() });
    expect([config.name, config.role, config.api.port]).toEqual(['a # b', 'r', 1]);
  });

  it.each([
    ['no =', 'DIOTEC360_NODE_NAME\nDIOTEC360_NODE_ROLE=r\n', '1'],
    ['no name', 'A=1\n=2\n', '2'],
    ['a blank in the name', 'A="1\n2"\n\nA B=1', '4'],
    ['a secret alone on the last line', `A=1\n${'f0'.repeat(32)}`, '2'],
  ])('with a line that has %s names the line and nothing of it', (_, text, line) => {
    write('.env', text);
    const error = latticeErrorOf(() => loadConfig({ env: {}, cwd: dir() }));
    expect(error.details['problems']).toEqual([
      expect.objectContaining({
        variable: join(dir(), '.env'),
        value: '',
        rule: expect.stringContaining(`line ${line}:`) as unknown,
      }),
    ]);
    expect(error.message).not.toContain('f0f0');
  });

  it('warns of lines that may not mean what they look like, with path and line', () => {
    write('.env', 'DIOTEC360_NODE_NAME=a#b\n');
    expect(loadConfig({ env: {}, cwd: dir() }).warnings).toContainEqual(
      expect.stringContaining(`${join(dir(), '.env')}, line 1: DIOTEC360_NODE_NAME is cut off at the #`),
    );
  });

  it('that is no UTF-8 is refused', () => {
    writeFileSync(join(dir(), '.env'), Uint8Array.of(0x41, 0x3d, 0xff));
    expect(problemsOf(() => loadConfig({ env: {}, cwd: dir() }))).toMatchObject([{ rule: 'it is not UTF-8 text' }]);
  });

  it('that is too long is refused', () => {
    write('.env', `# ${'x'.repeat(300_000)}\n`);
    expect(problemsOf(() => loadConfig({ env: {}, cwd: dir() }))).toHaveLength(1);
  });

  it('with a secret that others can read warns with the chmod', () => {
    write('.env', `DIOTEC360_API_TOKEN=${TOKEN}\n`);
    const warnings = (): readonly string[] => loadConfig({ env: {}, cwd: dir() }).warnings;
    expect(warnings()).toEqual([]);
    chmodSync(join(dir(), '.env'), 0o644);
    expect(warnings()).toEqual([expect.stringMatching(/DIOTEC360_API_TOKEN.*chmod 600/)]);
  });
});

describe('in Kubernetes, a service of our name', () => {
  it('is named as what it is', () => {
    const link = 'tcp://10.96.0.10:8000';
    expect(problemsOf(() => load({ DIOTEC360_API_PORT: link }))).toEqual([
      expect.objectContaining({
        variable: 'DIOTEC360_API_PORT',
        value: link,
        rule: expect.stringMatching(/Kubernetes/),
      }),
    ]);
  });

  it('brings no warnings about names that nobody wrote', () => {
    const names = ['SERVICE_HOST', 'SERVICE_PORT', 'SERVICE_PORT_HTTP', 'PORT', 'PORT_8000_TCP', 'PORT_8000_TCP_ADDR'];
    const warnings = load(Object.fromEntries(names.map((name) => [`DIOTEC360_LATTICE_${name}`, 'x']))).warnings;
    expect(warnings.filter((warning) => warning.includes('has no effect'))).toEqual([]);
  });
});

describe('P2P is enabled', () => {
  const listen = { DIOTEC360_P2P_LISTEN: '/ip4/0.0.0.0/tcp/9000' };
  it.each([
    ['no, by default', {}, false],
    ['where it listens', listen, true],
    ['not where told no', { ...listen, DIOTEC360_P2P_ENABLED: 'false' }, false],
    ['where told yes', { DIOTEC360_P2P_ENABLED: 'true' }, true],
  ])('%s', (_, env, enabled) => {
    expect(load(env).p2p.enabled).toBe(enabled);
  });

  it('with nothing to do warns', () => {
    expect(load({ DIOTEC360_P2P_ENABLED: '1' }).warnings).toContainEqual(
      expect.stringContaining('neither listens nor dials'),
    );
    expect(load({ ...listen, DIOTEC360_API_TOKEN: TOKEN }).warnings).toEqual([]);
  });
});

describe('a bind to all interfaces without a token', () => {
  it.each(['0.0.0.0', '::', '[::]', '0:0:0:0:0:0:0:0', '::0', '::ffff:0.0.0.0'])(
    '(%s) is 127.0.0.1 in development, with a warning',
    (host) => {
      const config = load({ DIOTEC360_API_HOST: host });
      expect(config.api.host).toBe('127.0.0.1');
      expect(config.warnings).toHaveLength(1);
    },
  );

  it('stays, and is a violation, in production', () => {
    const config = load({ DIOTEC360_ENVIRONMENT: 'production' });
    expect(config.api.host).toBe('0.0.0.0');
    expect(config.violations).toContainEqual(expect.stringContaining('DIOTEC360_API_TOKEN'));
  });

  it.each([
    ['a token', { DIOTEC360_API_TOKEN: TOKEN }, '0.0.0.0'],
    ['one address', { DIOTEC360_API_HOST: '192.0.2.1' }, '192.0.2.1'],
    ['IPv6 loopback', { DIOTEC360_API_HOST: '[::1]' }, '::1'],
    ['a name', { DIOTEC360_API_HOST: 'localhost' }, 'localhost'],
  ])('is not what %s makes', (_, env, host) => {
    const config = load(env);
    expect(config.api.host).toBe(host);
    expect(config.warnings).toEqual([]);
  });
});

describe('production guard', () => {
  const good = {
    DIOTEC360_ENVIRONMENT: 'production',
    DIOTEC360_TRUSTED_STATE_PUBKEYS: keyOf(1),
    DIOTEC360_API_TOKEN: TOKEN,
  };
  it('is content with a complete configuration, in which no page of another origin may call [A12]', () => {
    const { violations, api } = load(good);
    expect([violations, api.corsOrigins]).toEqual([[], []]);
    expect(load({ ...good, DIOTEC360_CORS_ORIGINS: 'https://app.example.org' }).violations).toEqual([]);
  });

  it.each([
    ['CORS open to all', { DIOTEC360_CORS_ORIGINS: 'https://app.example.org,*' }, 'DIOTEC360_CORS_ORIGINS'],
    ['P2P without bootstrap', { DIOTEC360_P2P_LISTEN: '/ip4/0.0.0.0/tcp/9000' }, 'DIOTEC360_P2P_BOOTSTRAP'],
    ['no trusted keys', { DIOTEC360_TRUSTED_STATE_PUBKEYS: ' , ' }, 'DIOTEC360_TRUSTED_STATE_PUBKEYS'],
    ['all interfaces without a token', { DIOTEC360_API_TOKEN: '' }, 'DIOTEC360_API_TOKEN'],
  ])('objects to %s in production, not in development', (_, env, fix) => {
    expect(load({ ...good, ...env }).violations).toEqual([expect.stringContaining(fix)]);
    expect(load({ ...good, ...env, DIOTEC360_ENVIRONMENT: 'development' }).violations).toEqual([]);
  });
});

/** The original's own files, where they lie beside the repository, else our own of the same form. */
const ORIGINAL = originalData === undefined ? '' : fileURLToPath(new URL('env', originalData));
const hasOriginal = originalData !== undefined;

describe('files of the original', () => {
  it.skipIf(!hasOriginal).each([
    ['env.node1.huggingface', 'node1-huggingface', 'genesis-public', 'development'],
    ['env.node2.diotec360', 'node2-diotec360', 'genesis-primary', 'production'],
    ['env.node3.backup', 'node3-backup', 'genesis-backup', 'production'],
  ])('%s loads (skipped where the files are absent)', (file, name, role, environment) => {
    const config = loadConfig({ env: {}, cwd: NOWHERE, envFile: join(ORIGINAL, file) });
    expect([config.name, config.role, config.environment]).toEqual([name, role, environment]);
    expect(config.p2p).toEqual({
      enabled: false,
      listen: ['/ip4/0.0.0.0/tcp/9000'],
      bootstrap: [],
      topic: 'aethel/lattice/v1',
      mdns: false,
      open: false,
      flaws: [],
    });
    expect(config.http.nodes).toHaveLength(2);
    expect([config.heartbeatIntervalMs, config.peerlessTimeoutMs, config.http.pollIntervalMs]).toEqual([
      5000, 60_000, 10_000,
    ]);
    expect(config.stateDir).toBe(join(ORIGINAL, '.DIOTEC360_state'));
    expect(config.violations).toHaveLength(environment === 'production' ? 2 : 0);
    expect(config.warnings.filter((text) => text.includes('not a variable'))).toEqual([]);
  });

  it.skipIf(!hasOriginal)('env.nodeA loads (skipped where the files are absent)', () => {
    const config = loadConfig({ env: {}, cwd: NOWHERE, envFile: join(ORIGINAL, 'env.nodeA') });
    expect(config.p2p).toMatchObject({ enabled: true, listen: ['/ip4/127.0.0.1/tcp/9000'] });
  });

  it('of the same form load', () => {
    const fixtures = resolve(import.meta.dirname, '../../fixtures/env');
    const production = loadConfig({ env: {}, cwd: NOWHERE, envFile: join(fixtures, 'http-only-production.env') });
    expect(production.http.nodes).toEqual(['https://one.example.org', 'https://two.example.org']);
    expect(production).toMatchObject({
      name: 'node2-example',
      role: 'genesis-primary',
      peerlessTimeoutMs: 60_000,
      p2p: { enabled: false },
    });
    expect(production.violations).toHaveLength(2);
    const standalone = loadConfig({ env: {}, cwd: NOWHERE, envFile: join(fixtures, 'standalone.env') });
    expect(standalone.p2p).toMatchObject({ enabled: true, listen: ['/ip4/127.0.0.1/tcp/9100'], bootstrap: [] });
    expect(standalone.stateDir).toBe(join(fixtures, '.state_a'));
  });
});

describe('combinations', () => {
  it('of a key and a key file are refused without showing the key', () => {
    const seed = '5e'.repeat(32);
    const error = latticeErrorOf(() => load({ DIOTEC360_NODE_PRIVKEY_HEX: seed, DIOTEC360_KEY_FILE: 'k' }));
    expect(error.message).not.toContain(seed);
    expect(load({ DIOTEC360_NODE_PRIVKEY_HEX: seed.toUpperCase() }).key).toEqual({
      source: 'environment',
      seedHex: seed,
    });
  });

  it('of a token for reading with what makes it worthless are refused, without showing it [TK1]', () => {
    const token = 'one-token-of-no-value';
    const both = latticeErrorOf(() => load({ DIOTEC360_API_TOKEN: token, DIOTEC360_READ_TOKEN: token }));
    expect(JSON.stringify([both.message, both.details])).not.toContain(token);
    expect(problemsOf(() => load({ DIOTEC360_READ_TOKEN: token, DIOTEC360_PUBLIC_SYNC: 'true' }))).toHaveLength(1);
    expect(load({ DIOTEC360_READ_TOKEN: token }).api.readToken).toBe(token);
  });

  it('of equal directories are refused', () => {
    expect(problemsOf(() => load({ DIOTEC360_STATE_DIR: 'd', DIOTEC360_VAULT_DIR: './d/' }))).toHaveLength(1);
    expect(problemsOf(() => load({ DIOTEC360_SENTINEL_DIR: 'd', DIOTEC360_VAULT_DIR: 'x/../d' }))).toHaveLength(1);
  });

  it('of a grace below the heartbeat warn', () => {
    expect(load({ DIOTEC360_HEARTBEAT_INTERVAL: '5' }).warnings).toContainEqual(
      expect.stringContaining('DIOTEC360_PEERLESS_TIMEOUT'),
    );
  });
});

describe('invalid-config', () => {
  it('collects every problem, each with variable, value, rule and fix', () => {
    const error = latticeErrorOf(() =>
      load({
        DIOTEC360_API_PORT: '70000',
        AETHEL_METRICS: 'maybe',
        DIOTEC360_LATTICE_NODES: 'ftp://a.example,b.example:80',
      }),
    );
    expect(error.code).toBe('invalid-config');
    const problems = error.details['problems'] as Record<string, string>[];
    expect(problems.map(({ variable, value }) => `${variable} ${value}`).sort()).toEqual([
      'AETHEL_METRICS maybe',
      'DIOTEC360_API_PORT 70000',
      'DIOTEC360_LATTICE_NODES b.example:80',
      'DIOTEC360_LATTICE_NODES ftp://a.example',
    ]);
    for (const { variable = '', value = '', rule = '', fix = '' } of problems) {
      expect(rule).not.toBe('');
      expect(fix).not.toBe('');
      expect(error.message).toContain(`${variable}=${value}: ${rule}; ${fix}`);
    }
  });

  it('says what to do about one problem as the next step, and what follows once it is corrected', () => {
    const one = latticeErrorOf(() => load({ DIOTEC360_API_PORT: '70000', DIOTEC360_SAFE_MODE: 'true' }));
    const [flaw, ...more] = one.message.split('\n');
    expect(flaw).toBe('DIOTEC360_API_PORT=70000: it is not a port');
    expect(one.next).toBe('write a number from 0 to 65535');
    expect(more.slice(0, 2)).toEqual([
      'Once that is corrected:',
      expect.stringMatching(/^ {2}The node would be read-only: Safe mode is asked for/),
    ]);
  });

  it('shows no secret, no password of a URL, and the beginning of what is long', () => {
    const { message } = latticeErrorOf(() =>
      load({
        DIOTEC360_API_TOKEN: 'hunter 2 hunter 2 hunter 2',
        DIOTEC360_NODE_PRIVKEY_HEX: 'c0ffee',
        DIOTEC360_LATTICE_NODES: 'https://me:hunter2@a.example,me:hunter3@b.example',
        DIOTEC360_URL: 'hunter4:x@c.example',
        DIOTEC360_NODE_NAME: 'n'.repeat(5000),
      }),
    );
    expect(message).not.toMatch(/hunter|c0ffee/);
    expect(message.length).toBeLessThan(2000);
  });
});

it('every variable of the table is read by a node or named as the command line’s', () => {
  // Each kind refuses something, so a bad text under each name shows whether that name is looked at.
  const bad: Partial<Record<Variable['kind'], string>> = {
    text: 'x'.repeat(200),
    path: '~/x',
    'audit-path': '~/x',
    seed: 'x',
    token: 'x',
  };
  for (const variable of VARIABLES as readonly Variable[]) {
    for (const name of namesOf(variable)) {
      // What a bucket is reached with is looked at where there is one.
      const place = variable.name.startsWith('S3_') ? { DIOTEC360_VAULT_STORE: 's3://a-bucket' } : {};
      const problems = flawsOf({ ...place, [name]: bad[variable.kind] ?? '://\u0001' });
      expect(
        problems.map((problem) => problem.variable),
        name,
      ).toContain(name);
    }
  }
});

describe('the place of the vault’s bytes', () => {
  const key = { AWS_ACCESS_KEY_ID: 'an-id', DIOTEC360_S3_SECRET_ACCESS_KEY: 'a/secret+key=' };

  it('is files, memory, or a bucket with its key, its service and its region', () => {
    expect(load({}).vault.store).toEqual({ kind: 'files' });
    expect(load({ DIOTEC360_VAULT_STORE: 'memory', AWS_ACCESS_KEY_ID: 'of another program ü' }).vault.store).toEqual({
      kind: 'memory',
    });
    const bucket = { kind: 's3', bucket: 'a-bucket', accessKeyId: 'an-id', secretAccessKey: 'a/secret+key=' };
    expect(load({ ...key, DIOTEC360_VAULT_STORE: 's3://a-bucket' }).vault.store).toEqual({
      ...bucket,
      prefix: '',
      endpoint: 'https://s3.amazonaws.com',
      region: 'us-east-1',
    });
    expect(
      load({ ...key, DIOTEC360_VAULT_STORE: 's3://a-bucket//node1/x/', AWS_REGION: 'eu-west-1' }).vault.store,
    ).toEqual({ ...bucket, prefix: 'node1/x/', endpoint: 'https://s3.eu-west-1.amazonaws.com', region: 'eu-west-1' });
    const own = {
      DIOTEC360_S3_ENDPOINT: 'http://127.0.0.1:9000',
      DIOTEC360_S3_REGION: 'garage',
      AWS_SESSION_TOKEN: 't'.repeat(2000),
    };
    expect(load({ ...key, ...own, DIOTEC360_VAULT_STORE: 's3://a-bucket/n' }).vault.store).toEqual({
      ...bucket,
      prefix: 'n/',
      endpoint: 'http://127.0.0.1:9000',
      region: 'garage',
      sessionToken: 't'.repeat(2000),
    });
  });

  it.each([
    's3://',
    's3://A',
    's3://ab',
    's3://a-bucket/../x',
    's3://a-bucket/a b',
    's3://a-bucket/ü',
    'ftp://a-bucket',
  ])('%s is refused with what to write', (text) => {
    expect(flawsOf({ ...key, DIOTEC360_VAULT_STORE: text })).toEqual([
      expect.objectContaining({ variable: 'DIOTEC360_VAULT_STORE', fix: expect.stringContaining('s3://') as string }),
    ]);
  });

  it('of a bucket without a key is refused', () => {
    expect(flawsOf({ DIOTEC360_VAULT_STORE: 's3://a-bucket', AWS_ACCESS_KEY_ID: 'an-id' })).toEqual([
      expect.objectContaining({ rule: 'no key is set for the bucket' }),
    ]);
  });
});
