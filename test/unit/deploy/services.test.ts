import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { describe, expect, it, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { createSigner, systemRandom } from '../../../src/adapters/system/index.ts';
import { STORE_EXIT } from '../../../src/app/store-exit.ts';
import { EXIT_BY_CODE } from '../../../src/cli/exit-codes.ts';
import { loadConfig, VARIABLES, type Variable } from '../../../src/config/index.ts';
import { bytesToHex } from '../../../src/core/types/index.ts';
import { authorToPeerId } from '../../../src/core/wire/peer-id.ts';
import { deployFiles, has, read, run } from './support.ts';

const known = new Set(
  VARIABLES.flatMap((variable: Variable) => [variable.name, ...(variable.also ?? [])]).map(
    (name) => `DIOTEC360_${name}`,
  ),
);

test.each([...deployFiles(), 'docs/deployment.md'])('%s names variables that the configuration knows', (path) => {
  for (const [name] of read(path).matchAll(/DIOTEC360_[A-Z0-9_]+/g)) expect(known, path).toContain(name);
});

test.each(deployFiles().filter((path) => /\.ya?ml$/.test(path)))(
  '%s is YAML without a duplicate or an unresolved name',
  (path) => {
    for (const document of parseAllDocuments(read(path))) {
      expect('errors' in document ? document.errors : []).toEqual([]);
      expect('warnings' in document ? document.warnings : []).toEqual([]);
    }
  },
);

test.each(deployFiles())('%s holds no key and names no host but examples', (path) => {
  const text = read(path);
  expect(text).not.toMatch(/\b[0-9a-f]{64}\b/i);
  expect(text).not.toMatch(/12D3Koo\w+/);
  const hosts = Array.from(text.matchAll(/https?:\/\/([a-z0-9.-]+)/g), (match) => match[1] as string);
  for (const host of hosts)
    expect(host.startsWith('127') || host.endsWith('.example') || host.startsWith('lattice') || host === '').toBe(true);
});

test.each(['deploy/systemd/diotec360-lattice@.service', 'deploy/docker/Dockerfile'])(
  '%s sets what memory and threads need',
  (path) => {
    expect(read(path)).toMatch(/^(Environment=| +)UV_THREADPOOL_SIZE=16\b/m);
    expect(read(path)).toMatch(/^(Environment=| +)MALLOC_ARENA_MAX=2\b/m);
    expect(read(path)).toMatch(
      /^(Environment="NODE_OPTIONS=| +"?NODE_OPTIONS="?)--max-semi-space-size=32 --v8-pool-size=1"/m,
    );
  },
);

describe('genesis configurations', () => {
  const files = deployFiles().filter((path) => path.startsWith('deploy/genesis/'));
  const random = systemRandom();
  const identities = [1, 2, 3].map((n) => {
    const { author } = createSigner(random.bytes(32));
    return { n, author, peerId: authorToPeerId(author), token: bytesToHex(random.bytes(16)) };
  });
  const filled = (path: string): string =>
    identities.reduce(
      (text, { n, author, peerId, token }) =>
        text
          .replaceAll(`@NODE${n}_PUBLIC_KEY@`, author)
          .replaceAll(`@NODE${n}_PEER_ID@`, peerId)
          .replaceAll(`@NODE${n}_TOKEN@`, token),
      read(path),
    );
  const configs = files.map((path) => loadConfig({ env: parseEnv(filled(path)), cwd: tmpdir() }));

  it('are the three of the original, with its names, roles, topic and ports', () => {
    expect(configs.map(({ name, role }) => [name, role])).toEqual([
      ['node1-huggingface', 'genesis-public'],
      ['node2-diotec360', 'genesis-primary'],
      ['node3-backup', 'genesis-backup'],
    ]);
    for (const { p2p, api, network } of configs) {
      expect([p2p.topic, network, p2p.listen, api.port]).toEqual([
        'aethel/lattice/v1',
        'aethel/lattice/v1',
        ['/ip4/0.0.0.0/tcp/9000'],
        8000,
      ]);
    }
  });

  it('pass the production guard without a violation or a warning', () => {
    for (const { environment, violations, warnings, name } of configs) {
      expect([name, environment, violations, warnings]).toEqual([name, 'production', [], []]);
    }
  });

  it('trust one list, and each reaches the two others over both lungs', () => {
    expect(new Set(configs.map(({ trusted }) => trusted.join())).size).toBe(1);
    configs.forEach(({ trusted, p2p, http, api }, i) => {
      const others = identities.filter((_, j) => j !== i);
      expect(trusted).toEqual(identities.map(({ author }) => author).sort());
      expect(p2p.bootstrap).toEqual(others.map(({ n, peerId }) => `/dns4/node${n}.example/tcp/9000/p2p/${peerId}`));
      expect(http.nodes).toEqual(others.map(({ n }) => `https://node${n}.example`));
      expect(api.allowedHosts).toEqual([`node${i + 1}.example`]);
    });
  });

  it('have no blank left but those that the header tells how to fill', () => {
    for (const path of files) expect(filled(path).replaceAll(/^#.*$/gm, '')).not.toMatch(/@/);
  });
});

const UNIT = 'deploy/systemd/diotec360-lattice@.service';

describe('systemd unit', () => {
  const settings = read(UNIT)
    .replaceAll(/^#.*\n/gm, '')
    .replaceAll(/\\\n\s*/g, '')
    .split('\n')
    .filter((line) => line.includes('='))
    .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)] as const);
  const valueOf = (name: string) => settings.filter(([key]) => key === name).map(([, value]) => value);

  it('does not restart what a restart cannot mend, and retries a full disk for as long as it lasts [N9]', () => {
    expect(valueOf('Restart')).toEqual(['on-failure']);
    expect(valueOf('RestartPreventExitStatus')).toEqual([`${EXIT_BY_CODE['invalid-config']} ${STORE_EXIT.damaged}`]);
    expect(valueOf('StartLimitIntervalSec')).toEqual(['0']);
    expect(Number(valueOf('RestartSec')[0])).toBeGreaterThan(1);
  });

  it('runs without privileges on a file system that it cannot write to, but for its state', () => {
    for (const name of [
      'DynamicUser',
      'NoNewPrivileges',
      'PrivateTmp',
      'PrivateDevices',
      'ProtectHome',
      'ProtectKernelModules',
    ]) {
      expect(valueOf(name), name).toEqual(['yes']);
    }
    expect(valueOf('ProtectSystem')).toEqual(['strict']);
    expect(valueOf('CapabilityBoundingSet')).toEqual(['']);
    expect(valueOf('StateDirectory')).toEqual(['diotec360-lattice/%i']);
    // The engine compiles at run time.
    expect(valueOf('MemoryDenyWriteExecute')).toEqual([]);
  });

  it('keeps every path of the node inside its state directory, whatever the env file says', () => {
    const [start = ''] = valueOf('ExecStart');
    const paths = VARIABLES.filter(({ kind }) => kind === 'path' || kind === 'audit-path').map(
      ({ name }) => `DIOTEC360_${name}`,
    );
    expect(paths.length).toBeGreaterThanOrEqual(4);
    for (const name of paths) expect(start).toContain(`${name}=%S/diotec360-lattice/%i/`);
  });

  it('tells when it is ready, is watched, and gives the node a copy of its env file at each start and reload', () => {
    expect([valueOf('Type'), valueOf('NotifyAccess')]).toEqual([['notify'], ['all']]);
    expect(Number(valueOf('WatchdogSec')[0])).toBeGreaterThanOrEqual(30);
    expect(Number(valueOf('TimeoutStartSec')[0])).toBeGreaterThan(60);
    // What stands in the environment of the process cannot change, so the file must not be put there.
    expect(valueOf('EnvironmentFile')).toEqual([]);
    expect(valueOf('ExecStart')[0]).toMatch(/ start --env-file %S\/diotec360-lattice\/%i\/node\.env$/);
    const copies = [...valueOf('ExecStartPre'), ...valueOf('ExecReload')];
    expect(copies.at(-1)).toBe('/bin/kill -HUP $MAINPID');
    for (const line of copies.slice(0, -1)) {
      const dir = mkdtempSync(join(tmpdir(), 'lattice-unit-'));
      try {
        mkdirSync(join(dir, 'etc'));
        writeFileSync(join(dir, 'etc/oslo.env'), 'A=1\n', { mode: 0o644 });
        const [, script = ''] = /^\+\/bin\/sh -c '(.*)'$/.exec(line) ?? expect.fail(line);
        const words = script
          .replaceAll('$$', '$')
          .replaceAll('%%', '%')
          .replaceAll('%i', 'oslo')
          .replaceAll('/etc/diotec360-lattice', join(dir, 'etc'));
        expect(run('/bin/sh', ['-c', words], dir)).toEqual({ status: 0, output: '' });
        const made = statSync(join(dir, 'node.env'));
        expect([made.mode & 0o777, made.uid, readFileSync(join(dir, 'node.env'), 'utf8')]).toEqual([
          0o600,
          statSync(dir).uid,
          'A=1\n',
        ]);
      } finally {
        rmSync(dir, { recursive: true, force: true });
      }
    }
  });

  it.runIf(has('systemd-analyze'))('systemd-analyze finds nothing to object to', () => {
    const dir = mkdtempSync(join(tmpdir(), 'lattice-unit-'));
    try {
      // Programs are looked for by their paths, which are those of a server; here any program will do.
      const text = read(UNIT).replaceAll('/usr/bin/node', process.execPath);
      writeFileSync(join(dir, 'diotec360-lattice@.service'), text);
      const { status, output } = run('systemd-analyze', [
        'verify',
        '--man=no',
        join(dir, 'diotec360-lattice@.service'),
      ]);
      const ours = output.split('\n').filter((line) => line.includes('diotec360-lattice'));
      expect([status, ours]).toEqual([0, []]);
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  });
});

/** What either proxy has to have, by the words of its own configuration. */
const PROXIES = [
  {
    path: 'deploy/nginx/lattice.conf',
    has: [
      /proxy_buffering off;/,
      /proxy_request_buffering off;/,
      /gzip off;/,
      /proxy_set_header X-Forwarded-For \$remote_addr;/,
      /proxy_set_header Host \$host;/,
      /proxy_set_header Upgrade \$http_upgrade;/,
      /ssl_protocols TLSv1\.2 TLSv1\.3;/,
      /location = \/metrics \{\s+allow [^;]+;\s+deny all;/,
    ],
    timeout: /proxy_read_timeout (\d+)s;/,
    body: /client_max_body_size (\d+)k;/,
  },
  {
    path: 'deploy/caddy/Caddyfile',
    has: [/flush_interval -1/, /header_up X-Forwarded-For \{remote_host\}/, /path \/metrics\s+not remote_ip /],
    timeout: /read_timeout (\d+)s/,
    body: /max_size (\d+)KB/,
  },
] as const;

describe.each(PROXIES)('$path', ({ path, has: wanted, timeout, body }) => {
  const text = read(path);

  it('passes streams on byte by byte, for longer than their heartbeats are apart, and the client as it is', () => {
    for (const pattern of wanted) expect(text).toMatch(pattern);
    expect(Number(timeout.exec(text)?.[1])).toBeGreaterThanOrEqual(3 * 15);
  });

  it('lets the largest sync message through', () => {
    expect(Number(body.exec(text)?.[1]) * 1000).toBeGreaterThan(1024 * 1024 + 256);
  });

  it('has balanced braces, and the settings of the node that it needs in its head', () => {
    expect(text.split('{').length).toBe(text.split('}').length);
    for (const name of ['API_HOST=127.0.0.1', 'ALLOWED_HOSTS=', 'TRUSTED_PROXIES=127.0.0.1'])
      expect(text).toContain(`DIOTEC360_${name}`);
  });
});

it.runIf(has('nginx') && has('openssl'))('nginx takes the configuration', () => {
  const dir = mkdtempSync(join(tmpdir(), 'lattice-nginx-'));
  try {
    mkdirSync(join(dir, 'tls'));
    const [certificate, key] = [join(dir, 'tls/c.pem'), join(dir, 'tls/k.pem')];
    const made = [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:prime256v1',
      '-nodes',
      '-days',
      '1',
      '-subj',
      '/CN=node2.example',
    ];
    expect(run('openssl', [...made, '-keyout', key, '-out', certificate]).status).toBe(0);
    const site = read('deploy/nginx/lattice.conf')
      .replaceAll('/etc/ssl/lattice/node2.example.pem', certificate)
      .replaceAll('/etc/ssl/lattice/node2.example.key', key);
    writeFileSync(join(dir, 'site.conf'), site);
    const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
      .map((name) => `${name}_temp_path ${dir}/${name};`)
      .join(' ');
    const main = `pid ${dir}/pid; error_log ${dir}/error.log; events {} http { access_log off; ${temporary} include ${dir}/site.conf; }`;
    writeFileSync(join(dir, 'nginx.conf'), main);
    const { status, output } = run('nginx', ['-t', '-c', join(dir, 'nginx.conf')]);
    expect([status, output]).toEqual([0, expect.stringContaining('test is successful')]);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});

it.runIf(has('promtool'))('promtool finds the rules to fire when they should', () => {
  const dir = mkdtempSync(join(tmpdir(), 'lattice-rules-'));
  try {
    for (const name of ['lattice.rules.yml', 'lattice.rules.test.yml'])
      copyFileSync(`deploy/prometheus/${name}`, join(dir, name));
    const { status, output } = run('promtool', ['test', 'rules', 'lattice.rules.test.yml'], dir);
    expect([status, output]).toEqual([0, expect.stringContaining('SUCCESS')]);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});
