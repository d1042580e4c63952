import { describe, expect, it } from 'vitest';
import { createSigner } from '../../../src/adapters/system/keys.ts';
import type { Config } from '../../../src/config/index.ts';
import { authorToPeerId } from '../../../src/core/wire/peer-id.ts';
import { flawsOf, load } from './support.ts';

const AUTHOR = createSigner(new Uint8Array(32).fill(7)).author;
const ID = authorToPeerId(AUTHOR);
const OTHER = createSigner(new Uint8Array(32).fill(8)).author;
const TOKEN = 'T0ken._~+/-aaaaaaaaaa==';

function many(count: number, item: (i: number) => string): string {
  return Array.from({ length: count }, (_, i) => item(i)).join(',');
}

/** variable, text, what of the configuration is looked at, what it is. */
const GOOD: readonly (readonly [string, string, (config: Config) => unknown, unknown])[] = [
  ...['1', 'true', 'YES', 'On', ' true '].map(
    (text) => ['P2P_ENABLED', text, (c: Config) => c.p2p.enabled, true] as const,
  ),
  ...['0', 'False', 'no', 'OFF'].map((text) => ['P2P_ENABLED', text, (c: Config) => c.p2p.enabled, false] as const),
  ['P2P_MDNS', 'yes', (c) => c.p2p.mdns, true],
  ['API_PORT', '0', (c) => c.api.port, 0],
  ['API_PORT', '65535', (c) => c.api.port, 65_535],
  ['HEARTBEAT_INTERVAL', '0.05', (c) => c.heartbeatIntervalMs, 50],
  ['HEARTBEAT_INTERVAL', '.25', (c) => c.heartbeatIntervalMs, 250],
  ['PEERLESS_TIMEOUT', '86400', (c) => c.peerlessTimeoutMs, 86_400_000],
  ['PEERLESS_TIMEOUT', '2.5', (c) => c.peerlessTimeoutMs, 2500],
  ['HTTP_POLL_INTERVAL', '7', (c) => c.http.pollIntervalMs, 7000],
  ['VAULT_POLICY', 'Pinned', (c) => c.vault.policy, 'pinned'],
  ['VAULT_MAX_BYTES', '1', (c) => c.vault.maxObjectBytes, 1],
  ['VAULT_MAX_BYTES', '2 gib', (c) => c.vault.maxObjectBytes, 2 ** 31],
  ['VAULT_CAPACITY', '0', (c) => c.vault.capacityBytes, 0],
  ['VAULT_CAPACITY', '3TiB', (c) => c.vault.capacityBytes, 3 * 2 ** 40],
  ['VAULT_STORE', 'Memory', (c) => c.vault.store, { kind: 'memory' }],
  ['LOG_LEVEL', 'DEBUG', (c) => c.logLevel, 'debug'],
  ['LOG_LEVEL', 'Warning', (c) => c.logLevel, 'warn'],
  ['LOG_LEVEL', 'CRITICAL', (c) => c.logLevel, 'error'],
  ['LOG_FORMAT', 'pretty', (c) => c.logFormat, 'pretty'],
  ['IMPORT_LEGACY', 'auto', (c) => c.importLegacy, 'auto'],
  ['P2P_TOPIC', 'my/topic', (c) => [c.p2p.topic, c.network], ['my/topic', 'my/topic']],
  ['NETWORK', 'mine', (c) => [c.p2p.topic, c.network], ['aethel/lattice/v1', 'mine']],
  ['NETWORK', 'é'.repeat(64), (c) => c.network, 'é'.repeat(64)],
  ['API_TOKEN', TOKEN, (c) => c.api.token, TOKEN],
  ['API_TOKEN', 'a'.repeat(16), (c) => c.api.token, 'a'.repeat(16)],
  ['API_TOKEN', 'a'.repeat(512), (c) => c.api.token, 'a'.repeat(512)],
  [
    'NODE_NAMES',
    `${AUTHOR}=oslo, ${OTHER.toUpperCase()}= nörth east `,
    (c) => c.names,
    [
      [AUTHOR, 'oslo'],
      [OTHER, 'nörth east'],
    ],
  ],
  ['TRUSTED_STATE_PUBKEYS', `${OTHER.toUpperCase()}, ${AUTHOR},${OTHER}`, (c) => c.trusted, [AUTHOR, OTHER].sort()],
  [
    'LATTICE_NODES',
    'http://a.example//, https://b.example/base/ ,,http://[::1]:8000',
    (c) => c.http.nodes,
    ['http://a.example', 'https://b.example/base', 'http://[::1]:8000'],
  ],
  ['LATTICE_NODES', 'http://a.example,http://a.example/', (c) => c.http.nodes, ['http://a.example']],
  ['LATTICE_NODES', many(256, (i) => `http://n${i}.example`), (c) => c.http.nodes.length, 256],
  ['CORS_ORIGINS', '*', (c) => c.api.corsOrigins, ['*']],
  [
    'CORS_ORIGINS',
    'https://App.example.org:443/,http://localhost:5173',
    (c) => c.api.corsOrigins,
    ['https://app.example.org', 'http://localhost:5173'],
  ],
  [
    'ALLOWED_HOSTS',
    'Node.example.org,192.0.2.1:8000,[::1]:8000,FD00::1',
    (c) => c.api.allowedHosts,
    ['node.example.org', '192.0.2.1:8000', '[::1]:8000', '[fd00::1]'],
  ],
  [
    'TRUSTED_PROXIES',
    '10.0.0.0/8,192.0.2.1,fd00::/8,loopback',
    (c) => c.api.trustedProxies,
    ['10.0.0.0/8', '192.0.2.1', 'fd00::/8', 'loopback'],
  ],
  [
    'P2P_LISTEN',
    '/ip4/0.0.0.0/tcp/0,/ip6/::/tcp/9000/ws',
    (c) => c.p2p.listen,
    ['/ip4/0.0.0.0/tcp/0', '/ip6/::/tcp/9000/ws'],
  ],
  ['P2P_LISTEN', `/ip4/127.0.0.1/tcp/9000/p2p/${ID}`, (c) => c.p2p.listen, ['/ip4/127.0.0.1/tcp/9000']],
  ...[
    `/ip4/192.0.2.1/tcp/9000/p2p/${ID}`,
    `/ip6/2001:db8::1/tcp/1/p2p/${ID}`,
    `/dns4/node.example.org/tcp/65535/p2p/${ID}`,
    `/dns6/node.example.org/tcp/443/tls/ws/p2p/${ID}`,
    `/dns/xn--nde-hna.example.org/tcp/443/wss/p2p/${ID}`,
    `/dns4/localhost/tcp/80/ws/p2p/${ID}`,
    `/dns4/my_service.internal/tcp/80/ws/p2p/${ID}`,
  ].map((text) => ['P2P_BOOTSTRAP', text, (c: Config) => c.p2p.bootstrap, [text]] as const),
];

describe('accepted', () => {
  it.each(GOOD)('%s=%s', (name, text, look, expected) => {
    expect(look(load({ [`DIOTEC360_${name}`]: text }))).toEqual(expected);
  });
});

/** variable, text, what the rule or the fix says. */
const BAD: readonly (readonly [string, string, RegExp])[] = [
  ...['0', '-1', '1.5MiB', '65GiB', 'MiB', '1 PiB', '0x10'].map((text) => ['VAULT_MAX_BYTES', text, /bytes/] as const),
  ...['disk', 's3://', 's3://Bucket', 's3://b', 's3://bucket/../x?y', 's3://bucket//x'].map(
    (text) => ['VAULT_STORE', text, /place for the bytes/] as const,
  ),
  ['VAULT_STORE', 's3://bucket', /S3_ENDPOINT, DIOTEC360_S3_ACCESS_KEY_ID, DIOTEC360_S3_SECRET_ACCESS_KEY/],
  ['VAULT_POLICY', 'some', /all, pinned or none/],
  ['S3_ENDPOINT', 'somewhere', /./],
  ['S3_SECRET_ACCESS_KEY', 'two words', /blanks/],
  ...['2', 'ja', 'truee', 'true false'].map((text) => ['P2P_ENABLED', text, /true or false/] as const),
  ...['-1', '65536', '80.0', '0x50', '1e3', '080', 'http', '８０'].map(
    (text) => ['API_PORT', text, /0 to 65535/] as const,
  ),
  ...['0', '0.049', '86401', '-1', '5s', '1e3', 'NaN', 'Infinity', '1,5', '1 2', '0x1'].map(
    (text) => ['HEARTBEAT_INTERVAL', text, /seconds/] as const,
  ),
  ['PEERLESS_TIMEOUT', '0', /outside 0.05 to 86400/],
  ['HTTP_POLL_INTERVAL', '100000', /outside/],
  ['LOG_LEVEL', 'loud', /debug, info, warn or error/],
  ['LOG_LEVEL', 'constructor', /debug, info, warn or error/],
  ['LOG_FORMAT', 'xml', /json or pretty/],
  ['IMPORT_LEGACY', 'yes', /off or auto/],
  ['ENVIRONMENT', 'staging', /development or production/],
  ['NETWORK', 'é'.repeat(65), /128 bytes/],
  ['P2P_TOPIC', 'a\tb', /control character/],
  ['NODE_NAME', 'a\nb', /control character/],
  ['STATE_DIR', '~/state', /not expanded/],
  ['API_HOST', 'a b', /IP address or host name/],
  ['API_HOST', '1.2.3', /IP address or host name/],
  ['API_HOST', '0', /IP address or host name/],
  ['API_HOST', 'http://0.0.0.0', /IP address or host name/],
  ['API_TOKEN', 'a'.repeat(15), /openssl rand/],
  ['API_TOKEN', 'a'.repeat(513), /16 to 512/],
  ['API_TOKEN', 'sixteen letters and blanks', /16 to 512/],
  ['NODE_PRIVKEY_HEX', 'a'.repeat(63), /64 hex digits/],
  ['NODE_PRIVKEY_HEX', 'g'.repeat(64), /64 hex digits/],
  ['NODE_NAMES', AUTHOR, /public key and a name/],
  ['NODE_NAMES', `${AUTHOR}=`, /public key and a name/],
  ['NODE_NAMES', `${AUTHOR.slice(1)}=oslo`, /64 hex digits/],
  ['NODE_NAMES', `${AUTHOR}=${'n'.repeat(65)}`, /longer than 64 bytes/],
  ['TRUSTED_STATE_PUBKEYS', AUTHOR.slice(1), /64 hex digits/],
  ['TRUSTED_STATE_PUBKEYS', ID, new RegExp(`peer id.*write its key: ${AUTHOR}`)],
  ['TRUSTED_STATE_PUBKEYS', '0'.repeat(64), /no node can have/],
  ['TRUSTED_STATE_PUBKEYS', many(257, (i) => i.toString(16).padStart(64, 'a')), /at most 256/],
  ['LATTICE_NODES', 'node.example.org', /write http:\/\/node\.example\.org/],
  ['LATTICE_NODES', 'node.example.org:8000', /write http:\/\/node\.example\.org:8000/],
  ['LATTICE_NODES', 'ws://a.example', /http:\/\/ or https:\/\//],
  ['LATTICE_NODES', 'http://a.example/?x=1', /no query/],
  ['LATTICE_NODES', 'http://', /not a URL/],
  ['CORS_ORIGINS', 'https://a.example/path', /write https:\/\/a\.example$/],
  ['CORS_ORIGINS', 'null', /not a URL/],
  ['ALLOWED_HOSTS', 'http://a.example', /Host header/],
  ['ALLOWED_HOSTS', 'a.example:0', /Host header/],
  ['ALLOWED_HOSTS', 'fd00::1:80000000', /Host header/],
  ['ALLOWED_HOSTS', '*', /Host header/],
  ['TRUSTED_PROXIES', 'proxy.example', /CIDR/],
  ['TRUSTED_PROXIES', '10.0.0.0/33', /CIDR/],
  ['TRUSTED_PROXIES', '10.0.0.0/8/8', /CIDR/],
  ['URL', 'ftp://a.example', /http:\/\//],
  // Multiaddrs
  ['P2P_LISTEN', '9000', /not a TCP multiaddr/],
  ['P2P_LISTEN', '/ip4/0.0.0.0/udp/9000/quic-v1', /not a TCP multiaddr/],
  ['P2P_LISTEN', '/ip4/0.0.0.0/tcp/65536', /65536 is not a port/],
  ['P2P_LISTEN', '/ip4/0.0.0.0/tcp/9000/tls', /\/tls is not a transport/],
  ['P2P_LISTEN', '/ip4/0.0.0.0/tcp/9000/wss', /no certificate/],
  ['P2P_LISTEN', '/ip4/0.0.0.0/tcp/9000/tls/ws', /no certificate/],
  ['P2P_LISTEN', '/dns4/localhost/tcp/9000', /not on a name/],
  ['P2P_LISTEN', '/ip4/localhost/tcp/9000', /write \/dns4\/localhost\/tcp\/9000$/],
  ['P2P_LISTEN', '/ip4/0.0.0.0/tcp/9000/', /not a TCP multiaddr/],
  [
    'P2P_LISTEN',
    '/ip4/0.0.0.0/tcp/9000/p2p/QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N',
    /not the key of a Lattice node/,
  ],
  [
    'P2P_BOOTSTRAP',
    `/ip4/node.example.org/tcp/9000/p2p/${ID}`,
    new RegExp(`host name.*write /dns4/node\\.example\\.org/tcp/9000/p2p/${ID}$`),
  ],
  ['P2P_BOOTSTRAP', `/ip4/::1/tcp/9000/p2p/${ID}`, /write \/ip6\/::1/],
  ['P2P_BOOTSTRAP', `/ip4/256.0.0.1/tcp/9000/p2p/${ID}`, /not an IPv4 address/],
  ['P2P_BOOTSTRAP', `/ip4/01.2.3.4/tcp/9000/p2p/${ID}`, /not an IPv4 address/],
  ['P2P_BOOTSTRAP', `/ip6/192.0.2.1/tcp/9000/p2p/${ID}`, /write \/ip4\/192\.0\.2\.1/],
  ['P2P_BOOTSTRAP', `/ip6/a.example/tcp/9000/p2p/${ID}`, /write \/dns6\/a\.example/],
  ['P2P_BOOTSTRAP', `/dns4/192.0.2.1/tcp/9000/p2p/${ID}`, /write \/ip4\/192\.0\.2\.1/],
  ['P2P_BOOTSTRAP', `/dns/::1/tcp/9000/p2p/${ID}`, /write \/ip6\/::1/],
  ['P2P_BOOTSTRAP', `/dns4/a..b/tcp/9000/p2p/${ID}`, /not a host name/],
  ['P2P_BOOTSTRAP', `/dns4/-a.b/tcp/9000/p2p/${ID}`, /not a host name/],
  ['P2P_BOOTSTRAP', `/dns4/a.b/tcp/0/p2p/${ID}`, /port 0/],
  ['P2P_BOOTSTRAP', '/dns4/a.b/tcp/9000', /append \/p2p\//],
  ['P2P_BOOTSTRAP', '/dns4/a.b/tcp/9000/p2p', /not a TCP multiaddr/],
  ['P2P_BOOTSTRAP', '/dns4/a.b/tcp/9000/p2p/', /not a peer id/],
  ['P2P_BOOTSTRAP', `/dns4/a.b/tcp/9000/p2p/${ID}/p2p-circuit`, /not a TCP multiaddr/],
  ['P2P_BOOTSTRAP', `/dns4/a.b/tcp/9000/p2p/${ID.slice(0, -1)}`, /not a peer id/],
  [
    'P2P_BOOTSTRAP',
    '/dns4/a.b/tcp/9000/p2p/QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N',
    /not the key of a Lattice node/,
  ],
  ['P2P_BOOTSTRAP', `/dns4/a.b/tcp/9000/http-path/x/p2p/${ID}`, /not a transport/],
];

describe('refused', () => {
  it.each(BAD)('%s=%s', (name, text, says) => {
    const problems = flawsOf({ [`DIOTEC360_${name}`]: text });
    expect(problems).toHaveLength(1);
    const [problem] = problems;
    expect(problem?.variable).toBe(`DIOTEC360_${name}`);
    expect(`${problem?.rule}; ${problem?.fix}`).toMatch(says);
  });

  it('takes no more than a moment for the longest hostile text', () => {
    for (const text of [
      '/ip4'.repeat(20_000),
      'a-'.repeat(50_000),
      `/dns4/${'a.'.repeat(20_000)}/tcp/1`,
      '/'.repeat(50_000),
    ]) {
      for (const name of ['P2P_BOOTSTRAP', 'API_HOST', 'LATTICE_NODES', 'ALLOWED_HOSTS']) {
        expect(flawsOf({ [`DIOTEC360_${name}`]: text }).length).toBeGreaterThan(0);
      }
    }
  });
});
