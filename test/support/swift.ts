import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import type { S3Settings } from '../../src/adapters/vault/index.ts';
import { has } from '../unit/deploy/support.ts';
import { eventually } from './wait.ts';

/**
 * Why there is no S3-compatible service here; undefined where there is one. It is OpenStack Swift, as Debian and Ubuntu
 * package it, whose S3 interface checks signatures, clocks, regions and buckets.
 */
export const noSwift =
  has('swift-proxy-server') || process.env['LATTICE_PROXIES'] === 'required'
    ? undefined
    : 'needs OpenStack Swift: apt-get install swift-proxy swift-account swift-container swift-object';

export interface Swift {
  /** The settings of a bucket that exists. */
  readonly settings: S3Settings;
  stop(): Promise<void>;
}

const SERVERS = ['account', 'container', 'object'] as const;

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

/** The filters of Swift's pipeline, each under the name of its entry point. */
const PIPELINE = ['catch_errors', 'cache', 'listing_formats', 'bulk', 's3api', 'tempauth', 'copy', 'slo', 'dlo'];

function serverConfig(name: string, port: number, directory: string): string {
  const common = `[DEFAULT]
bind_ip = 127.0.0.1
bind_port = ${port}
workers = 0
swift_dir = ${directory}
devices = ${join(directory, 'devices')}
mount_check = false
user = ${userInfo().username}
`;
  // Swift reads the settings of a server from the part of its application, which has the server's name.
  if (name !== 'proxy')
    return `${common}[pipeline:main]\npipeline = ${name}-server\n[app:${name}-server]\nuse = egg:swift#${name}\n`;
  const filters = PIPELINE.map((filter) => {
    const use = filter === 'cache' ? 'memcache' : filter;
    const more = { s3api: 'location = us-east-1\n', tempauth: 'user_lattice_vault = a-secret .admin\n' }[filter] ?? '';
    return `[filter:${filter}]\nuse = egg:swift#${use}\n${more}`;
  }).join('');
  return `${common}[pipeline:main]
pipeline = ${PIPELINE.join(' ')} proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
${filters}`;
}

/** Starts Swift on loopback with one device in a directory of its own. It takes some seconds. */
export async function startSwift(): Promise<Swift> {
  const directory = mkdtempSync(join(tmpdir(), 'lattice-swift-'));
  const started: { readonly process: ChildProcess; output: string }[] = [];
  const stop = async (): Promise<void> => {
    for (const { process } of started) {
      if (process.exitCode !== null || process.signalCode !== null) continue;
      const exit = once(process, 'exit');
      process.kill('SIGKILL');
      await exit;
    }
    rmSync(directory, { recursive: true, force: true });
  };
  try {
    mkdirSync(join(directory, 'devices', 'd1'), { recursive: true });
    let port = 0;
    for (const name of [...SERVERS, 'proxy']) {
      port = await freePort();
      if (name !== 'proxy')
        for (const step of [['create', '4', '1', '1'], ['add', `r1z1-127.0.0.1:${port}/d1`, '1'], ['rebalance']]) {
          const ring = spawnSync('swift-ring-builder', [join(directory, `${name}.builder`), ...step], {
            encoding: 'utf8',
          });
          if (ring.status !== 0) throw new Error(`swift-ring-builder failed: ${ring.stdout}${ring.stderr}`);
        }
      const config = join(directory, `${name}.conf`);
      writeFileSync(config, serverConfig(name, port, directory));
      const process = spawn(`swift-${name}-server`, [config], { stdio: ['ignore', 'pipe', 'pipe'] });
      const server = { process, output: '' };
      for (const stream of [process.stdout, process.stderr])
        stream.on('data', (text: Buffer) => (server.output = (server.output + text.toString()).slice(-10_000)));
      started.push(server);
    }
    const settings: S3Settings = {
      endpoint: `http://127.0.0.1:${port}`,
      bucket: 'vault',
      prefix: 'one/',
      region: 'us-east-1',
      accessKeyId: 'lattice:vault',
      secretAccessKey: 'a-secret',
    };
    await eventually('Swift makes a bucket', async () => {
      const ended = started.find(({ process }) => process.exitCode !== null);
      if (ended !== undefined) throw new Error(`Swift ended: ${ended.output}`);
      return (await makeBucket(settings)) === 200;
    });
    return { settings, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function makeBucket(settings: S3Settings): Promise<number> {
  const { AwsV4Signer } = await import('aws4fetch');
  const url = `${settings.endpoint}/${settings.bucket}`;
  const signed = await new AwsV4Signer({ ...settings, service: 's3', method: 'PUT', url }).sign();
  return await fetch(signed.url, { method: 'PUT', headers: signed.headers }).then(
    ({ status }) => status,
    () => 0,
  );
}
