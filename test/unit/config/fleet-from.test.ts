import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { describe, expect, it } from 'vitest';
import { seedToAuthor } from '../../../src/adapters/system/keys.ts';
import { type FleetFrom, type FromOptions, planFrom } from '../../../src/config/fleet-from.ts';
import { type Config, loadConfig, writeFleet } from '../../../src/config/index.ts';
import { authorToPeerId } from '../../../src/core/wire/peer-id.ts';
import { ORIGINAL_ENV } from '../../support/original-env.ts';
import { latticeErrorOf, useDirectory } from './support.ts';

const dir = useDirectory();
const SEED = 'ab'.repeat(32);
const TOKEN = 'the.token.that.was.there.before';
const authorOf = (hex: string) => seedToAuthor(Uint8Array.from(Buffer.from(hex, 'hex')));

/** The rendition of a file of the original's history. */
const rendition = (file: string, version = 'e8fcc57'): string =>
  ORIGINAL_ENV.find((one) => one.file === file && one.version === version)?.text ?? expect.fail(`${file} ${version}`);

function from(files: Readonly<Record<string, string>>, more: Partial<FromOptions> = {}): FleetFrom {
  for (const [name, text] of Object.entries(files)) writeFileSync(join(dir(), name), text, { mode: 0o600 });
  return planFrom({
    dir: join(dir(), 'fleet'),
    files: Object.keys(files).map((shown) => ({ shown, path: join(dir(), shown) })),
    hosts: [],
    names: undefined,
    basePort: 8000,
    p2pBasePort: 9000,
    seed: undefined,
    ...more,
  });
}
const problemsIn = (files: Readonly<Record<string, string>>, more: Partial<FromOptions> = {}) =>
  latticeErrorOf(() => from(files, more)).details['problems'] as string[];

/** Writes the plan and loads the configuration of each of its nodes. */
function written({ plan }: FleetFrom): ReadonlyMap<string, Config> {
  writeFleet(plan);
  return new Map(
    plan.fleet.nodes.map(({ name, envFile }) => [
      name,
      loadConfig({ env: {}, cwd: dir(), envFile: join(plan.dir, envFile) }),
    ]),
  );
}

const GENESIS = {
  '.env.node1.huggingface': rendition('.env.node1.huggingface'),
  '.env.node2.diotec360': rendition('.env.node2.diotec360'),
  '.env.node3.backup': rendition('.env.node3.backup'),
};

describe('a fleet of the three genesis files of the original', () => {
  it('names, asks and trusts each other, by the URLs that each file has of the others', () => {
    const made = from(GENESIS);
    const configs = written(made);
    const apis = {
      'node1-huggingface': 'https://acme-ledger.hf.space',
      'node2-diotec360': 'https://api.example',
      'node3-backup': 'https://backup.example',
    };
    expect(Object.fromEntries(made.plan.fleet.nodes.map(({ name, api }) => [name, api]))).toEqual(apis);
    for (const [name, config] of configs) {
      const { http, trusted, names, violations, role, peerlessTimeoutMs } = config;
      expect(http.nodes.toSorted()).toEqual(
        Object.values(apis)
          .filter((api) => api !== apis[name as keyof typeof apis])
          .toSorted(),
      );
      expect(trusted).toHaveLength(3);
      expect(trusted).toContain(made.plan.fleet.nodes.find((node) => node.name === name)?.publicKey);
      expect(names).toHaveLength(2);
      expect([violations, role.startsWith('genesis-'), peerlessTimeoutMs]).toEqual([[], true, 60_000]);
      expect(config.api.token).toMatch(/^.{40,}$/);
      // What the node had goes on: the same directories, seen from the new file.
      expect(config.stateDir).toBe(join(dir(), '.DIOTEC360_state'));
      expect(config.warnings).toEqual([]);
    }
  });

  it('stays without P2P where it was off, with addresses that are right once it is switched on', () => {
    const configs = written(from(GENESIS));
    const [space, second, third] = [...configs.values()] as [Config, Config, Config];
    expect([space, second, third].map(({ p2p }) => p2p.enabled)).toEqual([false, false, false]);
    expect(space.api).toMatchObject({ host: '0.0.0.0', port: 7860, trustedProxies: ['uniquelocal'] });
    const { nodes } = JSON.parse(readFileSync(join(dir(), 'fleet', 'fleet.json'), 'utf8')) as {
      nodes: { peerId: string; p2p: string }[];
    };
    // Nobody dials a Space.
    expect(second.p2p.bootstrap).toEqual([`/dns4/backup.example/tcp/9000/p2p/${nodes[2]?.peerId}`]);
    expect(third.p2p.bootstrap).toEqual([`/dns4/api.example/tcp/9000/p2p/${nodes[1]?.peerId}`]);
    expect(nodes[0]?.p2p).toBe('');
    // Where the machine gives the port by PORT, the file must not hide it.
    expect(parseEnv(readFileSync(join(dir(), 'fleet', 'node2-diotec360.env'), 'utf8'))).not.toHaveProperty(
      'DIOTEC360_API_PORT',
    );
  });

  it('shows what is another, without secrets, and leaves the old files as they are', () => {
    const files = {
      ...GENESIS,
      '.env.node3.backup': `${GENESIS['.env.node3.backup']}DIOTEC360_API_TOKEN=${TOKEN}\nPAYPAL_CLIENT_SECRET=hush\n`,
    };
    const made = from(files);
    written(made);
    for (const [name, text] of Object.entries(files)) expect(readFileSync(join(dir(), name), 'utf8')).toBe(text);
    const shown = made.diffs.map(({ lines }) => lines.map(({ sign, text }) => `${sign} ${text}`));
    expect(JSON.stringify(made.diffs)).not.toMatch(/hush|the\.token/);
    expect(shown[2]).toContain('  DIOTEC360_API_TOKEN=(as it was)');
    expect(shown[2]).toContain('- PAYPAL_CLIENT_SECRET  (no variable of a node; it stays in the old file)');
    expect(shown[1]).toEqual(
      expect.arrayContaining([
        '+ DIOTEC360_API_TOKEN=(a new one)',
        '  DIOTEC360_ENVIRONMENT=production',
        '- DIOTEC360_STATE_DIR=.DIOTEC360_state',
        '+ DIOTEC360_STATE_DIR=../.DIOTEC360_state',
      ]),
    );
    expect(readFileSync(join(dir(), 'fleet', 'node3-backup.env'), 'utf8')).not.toContain('PAYPAL');
  });

  it('names the state of the original where that keeps it, which is not where the file says', () => {
    mkdirSync(join(dir(), '.diotec360_state'));
    writeFileSync(join(dir(), '.diotec360_state', 'snapshot.json'), '{}');
    const told = `the original's state lies in ${join(dir(), '.diotec360_state')}: take it in on one node, once it runs`;
    expect(from(GENESIS).left.filter((one) => one.includes(told))).toHaveLength(3);
  });

  it('tells where the same file leads to something else than with the original', () => {
    // P2P is off in all three, and none names the pages that may call its API.
    expect(from(GENESIS).notes.filter((note) => note.includes('the original'))).toEqual([
      expect.stringMatching(
        /^node1-huggingface, node2-diotec360, node3-backup: no page of another origin .*CORS_ORIGINS/,
      ),
    ]);
    const texts = {
      'a.env': 'DIOTEC360_P2P_LISTEN=/ip4/0.0.0.0/tcp/9000\nDIOTEC360_CORS_ORIGINS=https://app.example\n',
    };
    const quick = from(texts);
    const [a] = written(quick).values();
    expect([a?.p2p.enabled, a?.heartbeatIntervalMs, a?.peerlessTimeoutMs]).toEqual([true, 1000, 3000]);
    expect(quick.notes).toEqual([expect.stringMatching(/^a: P2P is on because .*DIOTEC360_P2P_ENABLED=false/)]);
    const slow = from({
      'a.env': `${texts['a.env']}AETHEL_P2P_ENABLED=true\nDIOTEC360_HEARTBEAT_INTERVAL=5\nDIOTEC360_PEERLESS_TIMEOUT=60\n`,
    });
    expect(slow.notes).toEqual([expect.stringMatching(/^a: PEERLESS_TIMEOUT=60 goes on, .* 60 s after .* 3 s$/)]);
    const off = { 'a.env': `${texts['a.env']}DIOTEC360_P2P_ENABLED=false\nDIOTEC360_PEERLESS_TIMEOUT=60\n` };
    expect(from(off).notes).toEqual([]);
  });

  it('of its time before has the same form, in the older names', () => {
    const older = Object.fromEntries(Object.keys(GENESIS).map((file) => [file, rendition(file, '02e2767')]));
    const { plan, diffs } = from(older);
    expect(plan.fleet.nodes.map(({ api }) => api)).toEqual([
      'https://acme-book.hf.space',
      'https://book.example',
      'https://backup.example',
    ]);
    const line = (sign: string, text: string) => expect.objectContaining({ sign, text }) as unknown;
    expect(diffs[0]?.lines).toEqual(
      expect.arrayContaining([
        line('-', 'AETHEL_STATE_DIR=.aethel_state'),
        line('+', 'DIOTEC360_STATE_DIR=../.aethel_state'),
      ]),
    );
  });
});

describe('what a node has already', () => {
  it('goes on: its private key from the environment or a key file, its token, and who else is trusted', () => {
    mkdirSync(join(dir(), 'b-state'), { mode: 0o700 });
    writeFileSync(join(dir(), 'b-state', 'node.key'), `${'cd'.repeat(32)}\n`, { mode: 0o600 });
    const third = authorOf('ef'.repeat(32));
    const made = from({
      'a.env': `DIOTEC360_NODE_NAME=a\nDIOTEC360_NODE_PRIVKEY_HEX=${SEED}\nDIOTEC360_NODE_PUBKEY_HEX=${authorOf(SEED)}\nDIOTEC360_API_TOKEN=${TOKEN}\nDIOTEC360_TRUSTED_STATE_PUBKEYS=${third}\nDIOTEC360_LATTICE_NODES=http://b.example:8000\nDIOTEC360_P2P_LISTEN=/ip4/0.0.0.0/tcp/4001\n`,
      'b.env':
        'DIOTEC360_NODE_NAME=b\nDIOTEC360_STATE_DIR=b-state\nDIOTEC360_LATTICE_NODES=http://a.example:8000\nDIOTEC360_P2P_LISTEN=/ip4/0.0.0.0/tcp/4001\n',
    });
    const [a, b] = made.plan.fleet.nodes;
    expect([a?.publicKey, b?.publicKey]).toEqual([authorOf(SEED), authorOf('cd'.repeat(32))]);
    const configs = written(made);
    expect(configs.get('a')).toMatchObject({
      api: { token: TOKEN },
      p2p: { enabled: true, bootstrap: [`/dns4/b.example/tcp/4001/p2p/${b?.peerId}`] },
    });
    expect(configs.get('a')?.trusted).toEqual([authorOf(SEED), b?.publicKey ?? '', third].toSorted());
    expect(made.notes).toContainEqual(expect.stringContaining(`the key ${third} is trusted, too`));
    expect(readFileSync(join(dir(), 'fleet', 'a.env'), 'utf8')).not.toContain(SEED);
    expect(readFileSync(join(dir(), 'fleet', 'a.key'), 'utf8')).toBe(`${SEED}\n`);
  });

  it('is made where a placeholder stands, and each placeholder is named', () => {
    const files = Object.fromEntries(
      [1, 2, 3].map((n) => [`.env.node${n}.production`, rendition(`.env.node${n}.production`)]),
    );
    const made = from(files);
    const configs = written(made);
    const [first] = made.plan.fleet.nodes;
    expect(made.plan.fleet.nodes.map(({ name, api }) => [name, api])).toEqual(
      [1, 2, 3].map((n) => [`node${n}_example`, `https://node${n}.example`]),
    );
    for (const part of ['NODE1_IP is a placeholder', 'NODE3_PUBKEY_HERE is a placeholder', 'NODE_PRIVKEY_HEX'])
      expect(made.notes.join('\n')).toContain(part);
    expect(configs.get('node2_example')).toMatchObject({
      p2p: { enabled: true, flaws: [] },
      api: { port: 8000, corsOrigins: ['https://app.example'] },
    });
    expect(configs.get('node2_example')?.p2p.bootstrap).toContain(`/dns4/node1.example/tcp/4001/p2p/${first?.peerId}`);
  });

  it('is as in the original’s guides: host names behind /ip4, and the page of a Space', () => {
    const days = (bootstrap: string, nodes: string, name: string): string =>
      `DIOTEC360_NODE_NAME=${name}\nDIOTEC360_P2P_ENABLED=true\nDIOTEC360_P2P_LISTEN=/ip4/0.0.0.0/tcp/9000\nDIOTEC360_P2P_BOOTSTRAP=${bootstrap}\nDIOTEC360_LATTICE_NODES=${nodes}\n`;
    const page = 'https://huggingface.co/spaces/acme/ledger';
    const made = from({
      'n1.env': days(
        '/ip4/api.example/tcp/9000/p2p/PEER_ID_2,/ip4/backup.example/tcp/9000/p2p/PEER_ID_3',
        'https://api.example,https://backup.example',
        'n1',
      ),
      'n2.env': days(
        '/ip4/huggingface.co/tcp/9000/p2p/PEER_ID_1,/ip4/backup.example/tcp/9000/p2p/PEER_ID_3',
        `${page},https://backup.example`,
        'n2',
      ),
      'n3.env': days(
        '/ip4/huggingface.co/tcp/9000/p2p/PEER_ID_1,/ip4/api.example/tcp/9000/p2p/QmNode2ActualPeerID',
        `${page},https://api.example`,
        'n3',
      ),
    });
    const configs = written(made);
    const ids = made.plan.fleet.nodes.map(({ publicKey }) =>
      authorToPeerId(publicKey as Parameters<typeof authorToPeerId>[0]),
    );
    expect(configs.get('n3')?.p2p).toMatchObject({
      enabled: true,
      flaws: [],
      bootstrap: [`/dns4/api.example/tcp/9000/p2p/${ids[1]}`],
    });
    expect(configs.get('n3')?.http.nodes).toEqual(['https://acme-ledger.hf.space', 'https://api.example']);
    expect(configs.get('n1')?.p2p.enabled).toBe(false);
  });
});

describe('nodes of one machine', () => {
  it('get the URLs that the others have of them, and directories and ports of their own', () => {
    const text = (name: string, ports: readonly number[]): string =>
      `DIOTEC360_NODE_NAME=${name}\nDIOTEC360_P2P_LISTEN=/ip4/127.0.0.1/tcp/9000\nDIOTEC360_STATE_DIR=.state\nDIOTEC360_LATTICE_NODES=${ports.map((port) => `http://localhost:${port}`).join(',')}\n`;
    const made = from({
      'a.env': text('a', [8001, 8002]),
      'b.env': text('b', [8000, 8002]),
      'c.env': text('c', [8000, 8001]),
    });
    const configs = [...written(made).values()];
    expect(configs.map(({ api }) => `${api.host}:${api.port}`)).toEqual([
      '127.0.0.1:8000',
      '127.0.0.1:8001',
      '127.0.0.1:8002',
    ]);
    expect(configs.map(({ p2p }) => p2p.listen)).toEqual(
      [9000, 9001, 9002].map((port) => [`/ip4/127.0.0.1/tcp/${port}`]),
    );
    expect(
      new Set(configs.flatMap(({ stateDir, vaultDir, sentinelDir }) => [stateDir, vaultDir, sentinelDir])).size,
    ).toBe(9);
    expect(made.notes.join('\n')).toContain('is the directory of another node of this machine');
  });

  it('of the original’s pair, of which one file names no URL', () => {
    const made = from({
      '.env.nodeA': rendition('.env.nodeA'),
      '.env.nodeB.template': rendition('.env.nodeB.template'),
    });
    const [a, b] = [...written(made).values()];
    expect(made.plan.fleet.nodes.map(({ name, api }) => [name, api])).toEqual([
      ['nodeA', 'http://127.0.0.1:8000'],
      ['nodeB', 'http://127.0.0.1:8001'],
    ]);
    expect(b?.p2p).toMatchObject({
      flaws: [],
      bootstrap: [`/ip4/127.0.0.1/tcp/9000/p2p/${made.plan.fleet.nodes[0]?.peerId}`],
    });
    expect(a?.http.nodes).toEqual(['http://127.0.0.1:8001']);
  });

  it('alone is a fleet of one', () => {
    const { plan } = from({ '.env': 'AETHEL_NODE_NAME=only\n' });
    expect(plan.fleet.nodes.map(({ name, api }) => [name, api])).toEqual([['only', 'http://127.0.0.1:8000']]);
  });
});

describe('what somebody has to decide', () => {
  it('is told as one list, and nothing is written', () => {
    const problems = problemsIn({
      'a.env': `DIOTEC360_NODE_NAME=same\nDIOTEC360_NODE_PRIVKEY_HEX=${SEED}\nDIOTEC360_API_PORT=x\nDIOTEC360_HEARTBEAT_INTERVAL=5s\nDIOTEC360_LATTICE_NODES=https://x.example\n`,
      'b.env': `DIOTEC360_NODE_NAME=same\nDIOTEC360_NODE_PRIVKEY_HEX=${SEED}\nDIOTEC360_P2P_TOPIC=other/topic\nDIOTEC360_NODE_PUBKEY_HEX=${authorOf('cd'.repeat(32))}\n`,
      'c.env': 'NEXT_PUBLIC_API_URL=https://a.example\n',
    });
    const text = problems.join('\n');
    for (const part of [
      'a.env: DIOTEC360_API_PORT=x',
      'HEARTBEAT_INTERVAL=5s',
      'both name same',
      'have one private key',
      'several networks',
      'b.env: DIOTEC360_NODE_PUBKEY_HEX',
      'c.env: it has no variable of a node',
      '--hosts',
    ])
      expect(text).toContain(part);
    expect(text).not.toContain(SEED);
    expect(readdirSync(dir()).toSorted()).toEqual(['a.env', 'b.env', 'c.env']);
  });

  it('is answered by --hosts and --names', () => {
    const text = 'DIOTEC360_NODE_NAME=api-production\nDIOTEC360_LATTICE_NODES=https://x.example,https://y.example\n';
    const files = { 'x.env': text, 'y.env': text };
    expect(problemsIn(files).join('\n')).toMatch(/both name api-production; give names by --names/);
    const { plan } = from(files, { names: ['x', 'y'], hosts: ['x=x.example', 'y=https://y.example'] });
    expect(plan.fleet.nodes.map(({ name, api }) => [name, api])).toEqual([
      ['x', 'https://x.example'],
      ['y', 'https://y.example'],
    ]);
    expect(problemsIn(files, { names: ['x', 'y'], hosts: ['z=z.example'] })).toContainEqual(
      expect.stringContaining('--hosts z=z.example names none of'),
    );
  });

  it('stays for later where the fleet works without it', () => {
    const made = from({
      ...GENESIS,
      '.env.node2.diotec360': `${GENESIS['.env.node2.diotec360']}DIOTEC360_CORS_ORIGINS=*\n`,
    });
    expect(made.left).toContainEqual(expect.stringMatching(/^node2-diotec360: CORS is open to every origin/));
    expect(made.left).toContainEqual(expect.stringMatching(/^node3-backup: a proxy takes its https requests/));
  });
});
