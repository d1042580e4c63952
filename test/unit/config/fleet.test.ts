import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { describe, expect, it } from 'vitest';
import { deriveNodeSeed, loadKey, seedToAuthor } from '../../../src/adapters/system/keys.ts';
import {
  type Config,
  type Fleet,
  type FleetOptions,
  loadConfig,
  planFleet,
  writeFleet,
} from '../../../src/config/index.ts';
import { authorToPeerId } from '../../../src/core/wire/peer-id.ts';
import { latticeErrorOf, useDirectory } from './support.ts';

const SEED = Uint8Array.from({ length: 32 }, (_, i) => i * 3);
const PORTS = { basePort: 8000, p2pBasePort: 9000 };

describe('a written fleet', () => {
  const root = useDirectory();
  const dir = (): string => join(root(), 'fleet');

  function write(options: Partial<FleetOptions> = {}): readonly Config[] {
    const plan = planFleet({ dir: dir(), nodes: 3, ...PORTS, ...options });
    writeFleet(plan);
    return plan.fleet.nodes.map(({ envFile }) => loadConfig({ env: {}, cwd: root(), envFile: join(dir(), envFile) }));
  }

  it.each([1, 2, 3, 12, 50])(
    'of %i nodes loads without a warning, and every node names, dials and trusts all others',
    (nodes) => {
      const configs = write({ nodes });
      expect(configs).toHaveLength(nodes);
      const authors = configs.map(({ key }) => {
        expect(key.source).toBe('file');
        const seed = key.source === 'file' ? loadKey(key.path) : undefined;
        return seedToAuthor(seed ?? new Uint8Array());
      });
      expect(new Set(authors).size).toBe(nodes);
      expect(new Set(configs.map(({ api }) => api.token)).size).toBe(nodes);
      for (const [i, config] of configs.entries()) {
        const others = [...configs.keys()].filter((j) => j !== i);
        expect(config.warnings).toEqual([]);
        expect(config.api).toMatchObject({
          host: '127.0.0.1',
          port: 8000 + i,
          token: expect.stringMatching(/^[A-Za-z0-9_-]{43}$/),
        });
        expect(config.http.nodes).toEqual(others.map((j) => `http://127.0.0.1:${8000 + j}`));
        expect(config.p2p.enabled).toBe(true);
        expect(config.p2p.listen).toEqual([`/ip4/127.0.0.1/tcp/${9000 + i}`]);
        expect(config.p2p.bootstrap).toEqual(
          others.map((j) => `/ip4/127.0.0.1/tcp/${9000 + j}/p2p/${authorToPeerId(authors[j] ?? seedToAuthor(SEED))}`),
        );
        expect(config.trusted).toEqual([...authors].sort());
        expect(config.stateDir).toBe(join(dir(), config.name, 'state'));
        expect([config.heartbeatIntervalMs, config.peerlessTimeoutMs]).toEqual([1000, 3000]);
      }
      const dirs = configs.flatMap((config) => [config.stateDir, config.vaultDir, config.sentinelDir]);
      expect(new Set(dirs).size).toBe(3 * nodes);
    },
  );

  it('of three has the names and roles of the genesis nodes, and no PEERLESS_TIMEOUT', () => {
    expect(write().map(({ name, role }) => [name, role])).toEqual([
      ['node1-huggingface', 'genesis-public'],
      ['node2-diotec360', 'genesis-primary'],
      ['node3-backup', 'genesis-backup'],
    ]);
    expect(readFileSync(join(dir(), 'node3-backup.env'), 'utf8')).not.toContain('PEERLESS_TIMEOUT');
  });

  it('has files of mode 0600 in a directory of mode 0700, and a fleet.json without secrets', () => {
    const configs = write();
    expect(statSync(dir()).mode & 0o7777).toBe(0o700);
    for (const name of readdirSync(dir())) {
      if (name !== 'fleet.json') expect(statSync(join(dir(), name)).mode & 0o7777, name).toBe(0o600);
    }
    const text = readFileSync(join(dir(), 'fleet.json'), 'utf8');
    for (const { name, api } of configs) {
      expect(text).not.toContain(api.token);
      expect(text).not.toContain(readFileSync(join(dir(), `${name}.key`), 'utf8').trim());
    }
    const fleet = JSON.parse(text) as Fleet;
    expect(Object.keys(fleet)).toEqual(['network', 'nodes']);
    expect(fleet.network).toBe('aethel/lattice/v1');
    for (const [i, node] of fleet.nodes.entries()) {
      const config = configs[i];
      expect(node).toEqual({
        name: config?.name,
        role: config?.role,
        peerId: expect.stringMatching(/^12D3KooW/),
        publicKey: seedToAuthor(loadKey(join(dir(), `${node.name}.key`)) ?? new Uint8Array()),
        api: `http://127.0.0.1:${8000 + i}`,
        p2p: `/ip4/127.0.0.1/tcp/${9000 + i}/p2p/${node.peerId}`,
        envFile: `${node.name}.env`,
      });
    }
  });

  it('is not written over one that exists: the files are named and none changes', () => {
    write();
    const before = readdirSync(dir()).map((name) => [name, readFileSync(join(dir(), name), 'utf8')]);
    const error = latticeErrorOf(() => write({ nodes: 4, names: ['a', 'b', 'c', 'node3-backup'] }));
    expect(error.code).toBe('exists');
    expect(error.details['files']).toEqual([
      join(dir(), 'node3-backup.key'),
      join(dir(), 'node3-backup.env'),
      join(dir(), 'fleet.json'),
    ]);
    expect(error.message).toContain(join(dir(), 'node3-backup.key'));
    expect(readdirSync(dir()).map((name) => [name, readFileSync(join(dir(), name), 'utf8')])).toEqual(before);
  });

  it('leaves nothing behind when it cannot be finished', () => {
    mkdirSync(dir(), { mode: 0o700 });
    const plan = planFleet({ dir: dir(), nodes: 2, ...PORTS });
    const [first, ...rest] = plan.files;
    writeFileSync(join(dir(), 'file'), '');
    const broken = {
      ...plan,
      files: first === undefined ? [] : [first, { ...first, name: join('file', 'below') }, ...rest],
    };
    expect(() => writeFleet(broken)).toThrow('ENOTDIR');
    expect(readdirSync(dir())).toEqual(['file']);
  });

  it('is not written where others may write', () => {
    mkdirSync(dir());
    chmodSync(dir(), 0o777);
    expect(latticeErrorOf(() => write()).code).toBe('key-permissions');
    expect(readdirSync(dir())).toEqual([]);
  });

  it('may stand on an IPv6 address, on another network, under own names, whose order is that of the ports', () => {
    const configs = write({ host: '::1', network: 'test/net', names: ['b', 'a-b', 'a'] });
    expect(configs.map(({ name, api }) => [name, api.port])).toEqual([
      ['b', 8000],
      ['a-b', 8001],
      ['a', 8002],
    ]);
    expect(configs[0]?.network).toBe('test/net');
    expect(configs[0]?.http.nodes[0]).toBe('http://[::1]:8001');
    expect(configs[0]?.p2p.listen).toEqual(['/ip6/::1/tcp/9000']);
    expect(configs[0]?.p2p.bootstrap[0]).toMatch(/^\/ip6\/::1\/tcp\/9001\/p2p\/12D3KooW/);
  });
});

describe('a planned fleet', () => {
  const plan = (options: Partial<FleetOptions> = {}): ReturnType<typeof planFleet> =>
    planFleet({ dir: join('/nonexistent', 'fleet'), nodes: 3, ...PORTS, ...options });

  it('touches no file', () => {
    plan();
    expect(existsSync('/nonexistent')).toBe(false);
  });

  it('is the same every time from a seed, and its keys are the derived ones', () => {
    expect(plan({ seed: SEED })).toEqual(plan({ seed: SEED }));
    const { fleet, files } = plan({ seed: SEED });
    for (const { name, publicKey } of fleet.nodes) expect(publicKey).toBe(seedToAuthor(deriveNodeSeed(SEED, name)));
    expect(files.map(({ content }) => content)).not.toEqual(
      plan({ seed: SEED.map((byte) => byte ^ 1) }).files.map(({ content }) => content),
    );
  });

  it('has other keys and tokens every time without a seed', () => {
    const secrets = [plan(), plan()].flatMap(({ files }) =>
      files.flatMap(({ name, content }) => {
        if (name.endsWith('.key')) return [content];
        return name.endsWith('.env') ? [parseEnv(content)['DIOTEC360_API_TOKEN']] : [];
      }),
    );
    expect(secrets).toHaveLength(12);
    expect(new Set(secrets).size).toBe(12);
  });

  it('has default names whose numbers are their alphabetical order', () => {
    expect(plan({ nodes: 2 }).fleet.nodes.map(({ name }) => name)).toEqual(['node1', 'node2']);
    const names = plan({ nodes: 11 }).fleet.nodes.map(({ name }) => name);
    expect([names[0], names[9], names[10]]).toEqual(['node01', 'node10', 'node11']);
  });

  it.each([
    ['no nodes', { nodes: 0 }],
    ['51 nodes', { nodes: 51 }],
    ['half a node', { nodes: 1.5 }],
    ['port 0', { basePort: 0 }],
    ['ports beyond 65535', { basePort: 65_534 }],
    ['P2P ports beyond 65535', { p2pBasePort: 65_534 }],
    ['a port that is no number', { p2pBasePort: Number.NaN }],
    ['overlapping ports', { basePort: 9002 }],
    ['ports that overlap from below', { basePort: 8998 }],
    ['too few names', { names: ['a', 'b'] }],
    ['equal names', { names: ['a', 'b', 'A'] }],
    ['a name with a dot', { names: ['a', 'b', 'c.env'] }],
    ['a name with a slash', { names: ['a', 'b', '../c'] }],
    ['an empty name', { names: ['a', 'b', ''] }],
    ['a long name', { names: ['a', 'b', 'c'.repeat(64)] }],
    ['a short seed', { seed: SEED.subarray(1) }],
    ['a host name', { host: 'localhost' }],
    ['all interfaces', { host: '0.0.0.0' }],
  ])('with %s is refused, with what to do', (_, options) => {
    const error = latticeErrorOf(() => plan(options));
    expect(error.code).toBe('invalid-fleet');
    expect(error.next).toBeTruthy();
  });

  it.each([{ basePort: 65_533 }, { basePort: 1 }, { basePort: 8997 }, { basePort: 9003 }])(
    'with ports at the bounds (%o) is made',
    (options) => {
      expect(plan(options).fleet.nodes).toHaveLength(3);
    },
  );
});
