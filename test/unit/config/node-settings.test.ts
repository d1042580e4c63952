import { describe, expect, it } from 'vitest';
import { generateNodeKey } from '../../../src/app/index.ts';
import {
  loadConfig,
  type NodeSettings,
  type Problem,
  SETTING_FIELDS,
  settingsToConfig,
} from '../../../src/config/index.ts';
import { LatticeError } from '../../../src/core/types/index.ts';

const CWD = '/nowhere';
const [one, two] = [generateNodeKey(), generateNodeKey()];
const MULTIADDR = `/ip4/192.0.2.7/tcp/9000/p2p/${two.peerId}`;

function problemsOf(settings: object): readonly Problem[] {
  try {
    settingsToConfig(settings as NodeSettings, CWD);
  } catch (error) {
    expect(error).toBeInstanceOf(LatticeError);
    expect(error).toMatchObject({ code: 'invalid-config' });
    return (error as LatticeError).details['problems'] as readonly Problem[];
  }
  return [];
}

describe('the settings of an embedded node', () => {
  it('become the configuration that the same environment gives', () => {
    const settings: Required<NodeSettings> = {
      dataDir: 'data/store',
      name: 'one',
      role: 'primary',
      network: 'test',
      environment: 'production',
      key: one.privateKey,
      keyFile: undefined,
      trust: [one.publicKey, two.publicKey],
      names: [`${two.publicKey}=two`],
      peers: ['http://192.0.2.7:8000/', MULTIADDR],
      announce: ['https://one.example', '/dns4/one.example/tcp/9000'],
      api: {
        host: '0.0.0.0',
        port: 8123,
        token: 'a-token-of-some-length',
        corsOrigins: ['https://example.org'],
        allowedHosts: ['node.example.org'],
        trustedProxies: ['loopback'],
        publicSync: true,
        legacySwitch: 'loopback',
        metrics: false,
      },
      p2p: { listen: ['/ip4/127.0.0.1/tcp/0'], topic: 'topic', mdns: true, open: true },
      heartbeatMs: 250,
      graceMs: 1500,
      pollMs: 5000,
      vault: { policy: 'pinned', maxBytes: 1000, capacityBytes: 2000, store: 'memory' },
      vaultDir: '/vault',
      logLevel: 'warn',
    };
    const env = {
      DIOTEC360_STATE_DIR: 'data/store',
      DIOTEC360_NODE_NAME: 'one',
      DIOTEC360_NODE_ROLE: 'primary',
      DIOTEC360_NETWORK: 'test',
      DIOTEC360_ENVIRONMENT: 'production',
      DIOTEC360_NODE_PRIVKEY_HEX: one.privateKey,
      DIOTEC360_TRUSTED_STATE_PUBKEYS: `${one.publicKey},${two.publicKey}`,
      DIOTEC360_NODE_NAMES: `${two.publicKey}=two`,
      DIOTEC360_LATTICE_NODES: 'http://192.0.2.7:8000',
      DIOTEC360_P2P_BOOTSTRAP: MULTIADDR,
      DIOTEC360_ANNOUNCE: 'https://one.example,/dns4/one.example/tcp/9000',
      DIOTEC360_API_HOST: '0.0.0.0',
      DIOTEC360_API_PORT: '8123',
      DIOTEC360_API_TOKEN: 'a-token-of-some-length',
      DIOTEC360_CORS_ORIGINS: 'https://example.org',
      DIOTEC360_ALLOWED_HOSTS: 'node.example.org',
      DIOTEC360_TRUSTED_PROXIES: 'loopback',
      DIOTEC360_PUBLIC_SYNC: 'true',
      DIOTEC360_LEGACY_SWITCH: 'loopback',
      DIOTEC360_METRICS: 'false',
      DIOTEC360_P2P_ENABLED: 'true',
      DIOTEC360_P2P_LISTEN: '/ip4/127.0.0.1/tcp/0',
      DIOTEC360_P2P_TOPIC: 'topic',
      DIOTEC360_P2P_MDNS: 'true',
      DIOTEC360_P2P_OPEN: 'true',
      DIOTEC360_HEARTBEAT_INTERVAL: '0.25',
      DIOTEC360_PEERLESS_TIMEOUT: '1.5',
      DIOTEC360_HTTP_POLL_INTERVAL: '5',
      DIOTEC360_VAULT_DIR: '/vault',
      DIOTEC360_VAULT_POLICY: 'pinned',
      DIOTEC360_VAULT_MAX_BYTES: '1000',
      DIOTEC360_VAULT_CAPACITY: '2000',
      DIOTEC360_VAULT_STORE: 'memory',
      DIOTEC360_SENTINEL_DIR: 'data/store/sentinel',
      DIOTEC360_LOG_LEVEL: 'warn',
    };
    const { settings: shown, ...made } = settingsToConfig(settings, CWD);
    const { settings: loaded, ...expected } = loadConfig({ env, cwd: CWD });
    expect(made).toEqual(expected);
    expect(shown.map(({ name }) => name)).toEqual(loaded.map(({ name }) => name));
    expect(shown.find(({ name }) => name === 'DIOTEC360_NODE_PRIVKEY_HEX')).toMatchObject({
      value: 'set',
      source: 'options',
    });
  });

  it('alone give a node without API and P2P, that reads no environment', () => {
    const config = settingsToConfig({ dataDir: '/data' }, CWD);
    expect(config).toMatchObject({
      stateDir: '/data',
      vaultDir: '/data/vault',
      key: { source: 'file', path: '/data/node.key' },
      api: { enabled: false },
      p2p: { enabled: false },
      vault: { enabled: false },
      warnings: [],
      violations: [],
    });
    expect(settingsToConfig({ dataDir: '/data', api: false, p2p: false, vault: false, name: undefined }, CWD)).toEqual(
      config,
    );
    expect(settingsToConfig({ dataDir: '/data', vault: {} }, CWD).vault).toMatchObject({
      enabled: true,
      policy: 'all',
    });
    expect(settingsToConfig({ dataDir: '/data', api: {} }, CWD).api).toMatchObject({
      enabled: true,
      host: '127.0.0.1',
      port: 0,
    });
  });

  it('are held to the rules of production without those of an API that there is not', () => {
    const { violations } = settingsToConfig({ dataDir: '/data', environment: 'production' }, CWD);
    expect(violations).toHaveLength(1);
    expect(violations[0]).toContain('TRUSTED_STATE_PUBKEYS');
  });

  it.each([
    [{}, 'dataDir', 'it is missing'],
    [{ dataDir: '' }, 'dataDir', 'it is missing'],
    [{ dataDir: 7 }, 'dataDir', 'it is not a text'],
    [{ dataDir: 'd', nmae: 'x' }, 'nmae', 'there is no such field'],
    [{ dataDir: 'd', api: { prot: 1 } }, 'api.prot', 'there is no such field of api'],
    [{ dataDir: 'd', api: true }, 'api', 'it is neither false nor an object'],
    [{ dataDir: 'd', api: { port: '8000' } }, 'api.port', 'it is not a number'],
    [{ dataDir: 'd', api: { port: 70_000 } }, 'api.port', 'it is not a port'],
    [
      { dataDir: 'd', api: { token: 'short' } },
      'api.token',
      'a token has 16 to 512 characters of A-Z a-z 0-9 . _ ~ + / -',
    ],
    [{ dataDir: 'd', api: { corsOrigins: 'https://a.example' } }, 'api.corsOrigins', 'it is not a list of texts'],
    [{ dataDir: 'd', p2p: { mdns: 'yes' } }, 'p2p.mdns', 'it is not true or false'],
    [{ dataDir: 'd', heartbeatMs: -1 }, 'heartbeatMs', 'it is outside 50 to 86400000 ms'],
    [{ dataDir: 'd', heartbeatMs: 10 }, 'heartbeatMs', 'it is outside 50 to 86400000 ms'],
    [{ dataDir: 'd', trust: ['zz'] }, 'trust', 'a public key has 64 hex digits'],
    [{ dataDir: 'd', peers: ['http://a.example,http://b.example'] }, 'peers', 'it contains a comma'],
    [{ dataDir: 'd', peers: [MULTIADDR] }, 'peers', 'a multiaddr is for the P2P lung, which is off'],
    [{ dataDir: 'd', peers: ['nonsense'] }, 'peers', expect.any(String)],
    [{ dataDir: 'd', key: 'ff' }, 'key', 'an Ed25519 seed has 64 hex digits'],
    [{ dataDir: 'd', key: one.privateKey, keyFile: 'k' }, 'key', 'a key and a key file are both set'],
    [{ dataDir: 'd', environment: 'prod' }, 'environment', 'it is not one of the values'],
  ])('%j is refused for %s', (settings, field, rule) => {
    expect(problemsOf(settings)).toEqual([expect.objectContaining({ variable: field, rule })]);
  });

  it('name what was probably meant, and show no secret', () => {
    expect(problemsOf({ dataDir: 'd', nmae: 'x' })[0]?.fix).toBe('write name');
    expect(problemsOf({ dataDir: 'd', api: { prot: 1 } })[0]?.fix).toBe('write api.port');
    for (const problem of problemsOf({ dataDir: 'd', key: 'secret-seed', api: { token: 12345678 } }))
      expect(JSON.stringify(problem)).not.toMatch(/secret-seed|12345678/);
  });

  it('have a field for every variable, but for those that a program has no use for', () => {
    const stood = new Set<string>(Object.values(SETTING_FIELDS).map(({ variable }) => variable));
    for (const name of ['P2P_ENABLED', 'P2P_BOOTSTRAP', 'LATTICE_NODES']) stood.add(name); // p2p and peers
    const { settings } = settingsToConfig({ dataDir: 'd' }, CWD);
    const missing = settings.map(({ name }) => name.replace('DIOTEC360_', '')).filter((name) => !stood.has(name));
    expect(missing).toEqual(['SAFE_MODE', 'NODE_PUBKEY_HEX', 'SENTINEL_DIR', 'IMPORT_LEGACY', 'LOG_FORMAT', 'URL']);
  });
});
