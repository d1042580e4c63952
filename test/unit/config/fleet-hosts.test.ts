import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Config, loadConfig, planHosts, writeFleet } from '../../../src/config/index.ts';
import { latticeErrorOf, useDirectory } from './support.ts';

const PORTS = { port: 8000, p2pPort: 9000 };

describe('the files of a fleet on hosts of their own', () => {
  const root = useDirectory();
  const dir = (): string => join(root(), 'fleet');

  function write(...hosts: readonly string[]): readonly Config[] {
    const plan = planHosts({ dir: dir(), hosts, ...PORTS });
    writeFleet(plan);
    return plan.fleet.nodes.map(({ envFile }) => loadConfig({ env: {}, cwd: root(), envFile: join(dir(), envFile) }));
  }

  it('put a node into a Hugging Face Space, which has one port and no P2P', () => {
    const [oslo, space] = write('oslo=a.example', 'space=acme-ledger.hf.space') as [Config, Config];
    expect(space.api).toMatchObject({ host: '0.0.0.0', port: 7860, trustedProxies: ['uniquelocal'] });
    expect([space.p2p.enabled, space.violations, space.warnings]).toEqual([false, [], []]);
    expect([oslo.http.nodes, oslo.p2p.enabled]).toEqual([['https://acme-ledger.hf.space'], false]);
    expect(oslo.violations).toEqual([]);
  });

  it('need no edit: each loads for production without a word, behind a TLS proxy, and names all others', () => {
    const configs = write('oslo=https://a.example', 'rome=b.example', 'kyiv=c.example');
    expect(configs.map(({ name }) => name)).toEqual(['oslo', 'rome', 'kyiv']);
    const urls = ['https://a.example', 'https://b.example', 'https://c.example'];
    configs.forEach((config, i) => {
      expect([config.environment, config.violations, config.warnings]).toEqual(['production', [], []]);
      expect(config.api).toMatchObject({ host: '127.0.0.1', port: 8000, trustedProxies: ['loopback'] });
      expect(config.api.allowedHosts).toEqual([new URL(urls[i] ?? '').hostname]);
      expect(config.http.nodes).toEqual(urls.filter((_, j) => j !== i));
      expect(config.p2p.listen).toEqual(['/ip4/0.0.0.0/tcp/9000']);
      expect(config.p2p.bootstrap.map((address) => address.replace(/\/p2p\/.*/, ''))).toEqual(
        urls.filter((_, j) => j !== i).map((url) => `/dns4/${new URL(url).hostname}/tcp/9000`),
      );
      expect(config.trusted).toHaveLength(3);
    });
    expect(new Set(configs.map(({ api }) => api.token)).size).toBe(3);
  });

  it('names nodes after the first label of their hosts, or after the whole host where that is not enough', () => {
    expect(write('a.example', 'b.example').map(({ name }) => name)).toEqual(['a', 'b']);
    const { fleet } = planHosts({ dir: dir(), hosts: ['node.a.example', 'node.b.example', '192.0.2.7'], ...PORTS });
    expect(fleet.nodes.map(({ name }) => name)).toEqual(['node-a-example', 'node-b-example', '192-0-2-7']);
  });

  it('listens on the port of an http URL itself, on all interfaces but for loopback, and takes ports for P2P apart', () => {
    const [a, b, c, d] = write(
      'a=http://192.0.2.1:8100',
      'b=http://127.0.0.1:8001',
      'c=http://127.0.0.1:8002',
      'd=http://[2001:db8::1]:80',
    );
    expect([a, b, c, d].map((config) => [config?.api.host, config?.api.port])).toEqual([
      ['0.0.0.0', 8100],
      ['127.0.0.1', 8001],
      ['127.0.0.1', 8002],
      ['::', 80],
    ]);
    expect([a, b, c, d].map((config) => config?.p2p.listen[0])).toEqual([
      '/ip4/0.0.0.0/tcp/9000',
      '/ip4/127.0.0.1/tcp/9000',
      '/ip4/127.0.0.1/tcp/9001',
      '/ip6/::/tcp/9000',
    ]);
    expect(a?.api.trustedProxies).toEqual([]);
    expect(a?.http.nodes).toContain('http://[2001:db8::1]');
    for (const config of [a, b, c, d]) expect([config?.violations, config?.warnings]).toEqual([[], []]);
  });

  it.each([
    ['no host', ['']],
    ['a URL of another scheme', ['ftp://a.example']],
    ['a name that is none', ['o s=a.example']],
    ['one name twice', ['x=a.example', 'x=b.example']],
    ['one URL twice', ['a.example', 'b=https://a.example/']],
  ])('refuses %s', (_, hosts) => {
    expect(latticeErrorOf(() => planHosts({ dir: dir(), hosts, ...PORTS })).code).toBe('invalid-fleet');
  });
});
