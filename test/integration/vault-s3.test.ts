import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { systemClock, systemRandom } from '../../src/adapters/system/index.ts';
import { openS3Vault, type S3Settings } from '../../src/adapters/vault/index.ts';
import { startNode } from '../../src/app/index.ts';
import type { Log, VaultStore } from '../../src/ports/index.ts';
import {
  contentOf,
  digestOf,
  hasher,
  imageOf,
  listed,
  openDisk,
  put,
  readAll,
  vaultContract,
} from '../contract/vault/suite.ts';
import { noSwift, type Swift, startSwift } from '../support/swift.ts';
import { eventually } from '../support/wait.ts';
import { TOKEN } from '../unit/api/support.ts';

if (noSwift !== undefined) process.stdout.write(`The tests of a vault in a bucket are skipped: this ${noSwift}\n`);

let swift: Swift;
let stop = async (): Promise<void> => undefined;
let directory: string;
let warnings: string[];
/** Each test has a prefix of its own, so that it begins with an empty vault. */
let prefixes = 0;

const log: Log = {
  debug() {},
  info() {},
  warn: (fields, message) => void warnings.push(`${message} ${JSON.stringify(fields)}`),
  error() {},
  child: () => log,
};

interface Changes extends Partial<S3Settings> {
  readonly aheadMs?: number;
}

function open({ aheadMs = 0, ...changes }: Changes = {}): Promise<VaultStore> {
  const clock = systemClock();
  return openS3Vault({
    settings: { ...swift.settings, prefix: `${prefixes}/`, ...changes },
    directory,
    disk: openDisk(),
    hasher,
    clock: { ...clock, now: () => clock.now() + aheadMs },
    random: systemRandom(),
    room: async () => undefined,
    log,
  });
}

describe.skipIf(noSwift !== undefined)('a vault in a bucket', () => {
  beforeAll(async () => {
    swift = await startSwift();
    stop = () => swift.stop();
  });
  afterAll(() => stop());
  beforeEach(() => {
    prefixes++;
    warnings = [];
    directory = mkdtempSync(join(tmpdir(), 'lattice-vault-s3-'));
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  // The service tells times in whole seconds.
  vaultContract('s3', () => open(), { reopen: () => open(), aroundNow: 1000 });

  it('content over 8 MiB goes in parts, and ranges across them come out', async () => {
    const store = await open();
    const content = contentOf(20 * 1024 * 1024 + 4321);
    const { hash, leaves } = await put(store, content, 1_000_000);
    expect(await store.stat(hash)).toMatchObject({ size: content.length });
    expect(imageOf(await readAll(store, hash))).toBe(imageOf(content));
    expect(imageOf(await store.leaves(hash))).toBe(imageOf(leaves));
    const [start, end] = [8 * 1024 * 1024 - 7, 16 * 1024 * 1024 + 9];
    expect(imageOf(await readAll(store, hash, start, end))).toBe(imageOf(content.slice(start, end)));
    // Nothing of it stays on this machine.
    expect(readdirSync(join(directory, 'uploads'))).toEqual([]);
    await store.close();
  });

  it('a connection that is cut under a read is made again, and the rest is asked for', async () => {
    const content = contentOf(6 * 1024 * 1024);
    const direct = await open();
    const { hash } = await put(direct, content);
    await direct.close();
    const way = await startWay(Number(new URL(swift.settings.endpoint).port), 2_000_000);
    // Signatures are about the host, so the way says the service's own name on.
    const store = await open({ endpoint: way.url });
    expect(imageOf(await readAll(store, hash))).toBe(imageOf(content));
    expect(way.cuts()).toBeGreaterThan(0);
    await store.close();
    way.close();
  });

  it.each<[string, Changes, string, string]>([
    ['no bucket', { bucket: 'other' }, 'there is no such bucket', 'Create the bucket'],
    ['a wrong key', { secretAccessKey: 'not-the-secret' }, 'SignatureDoesNotMatch', 'DIOTEC360_S3_ACCESS_KEY_ID'],
    ['a key of nobody', { accessKeyId: 'nobody:vault' }, 'does not take the key', 'DIOTEC360_S3_SECRET_ACCESS_KEY'],
    ['another region', { region: 'eu-west-1' }, 'it is in region us-east-1', 'Set DIOTEC360_S3_REGION to us-east-1'],
    ['a clock that is behind', { aheadMs: -3_600_000 }, '60 min behind', 'Set the clock'],
    ['a clock that is ahead', { aheadMs: 7_200_000 }, '2 h ahead of', 'Set the clock'],
  ])('%s is told at the start, with the bucket, the cause and the next step', async (_, changes, cause, next) => {
    const opening = open(changes);
    const error: unknown = await opening.then(
      (store) => store.close(),
      (reason: unknown) => reason,
    );
    const bucket = changes.bucket ?? 'vault';
    expect(error).toMatchObject({
      code: 'vault-store-failed',
      message: expect.stringMatching(new RegExp(`^Bucket "${bucket}" at http://127.*${cause}`)) as string,
      next: expect.stringContaining(next) as string,
    });
    const shown = inspect(error, { depth: 10, showHidden: true }) + JSON.stringify(error);
    for (const secret of ['not-the-secret', 'a-secret', 'lattice:vault', 'nobody:vault', 'Signature=', 'Authorization'])
      expect(shown).not.toContain(secret);
  });

  it('is that of a node which is told so: its API takes content in and gives it out again, and its status says where', async () => {
    const { endpoint, bucket, region, accessKeyId, secretAccessKey } = swift.settings;
    await using node = await startNode({
      dataDir: join(directory, 'node'),
      api: { token: TOKEN },
      vault: {
        store: `s3://${bucket}/${prefixes}`,
        s3Endpoint: endpoint,
        s3Region: region,
        s3AccessKeyId: accessKeyId,
        s3SecretAccessKey: secretAccessKey,
      },
    });
    const content = contentOf(9 * 1024 * 1024);
    const url = `${node.url}/api/v1/vault`;
    const headers = { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/octet-stream' };
    const taken = await fetch(url, { method: 'PUT', headers, body: content });
    expect(taken.status).toBe(201);
    const { hash } = digestOf(content);
    const given = await fetch(`${url}/${hash}`, { headers: { range: 'bytes=100000-8999999' } });
    expect(given.status).toBe(206);
    expect(imageOf(new Uint8Array(await given.arrayBuffer()))).toBe(imageOf(content.slice(100_000, 9_000_000)));
    const status = (await (await fetch(`${node.url}/api/v1/status`)).json()) as { vault: { store: string } };
    expect(status.vault.store).toBe('s3');
    const store = await open();
    expect((await listed(store)).map((one) => one.hash)).toEqual([hash]);
    await store.close();
  });

  it('a service that speaks no TLS is told as that', async () => {
    await expect(open({ endpoint: swift.settings.endpoint.replace('http:', 'https:') })).rejects.toMatchObject({
      code: 'vault-store-failed',
      message: expect.stringContaining('it does not speak TLS') as string,
      next: expect.stringContaining('http://') as string,
    });
  });

  it('a service that is away lets the node start, is logged, and is used once it is back', async () => {
    const way = await startWay(Number(new URL(swift.settings.endpoint).port));
    way.refuse(true);
    const store = await open({ endpoint: way.url });
    expect(warnings).toEqual([expect.stringMatching(/cannot be reached.*Check that the service runs/)]);
    const before = way.refusals();
    const [{ hash }] = await Promise.all([
      put(store, contentOf(1000)),
      eventually('a request was refused', () => way.refusals() > before).then(() => way.refuse(false)),
    ]);
    expect((await listed(store)).map((one) => one.hash)).toEqual([hash]);
    await store.close();
    way.close();
  });

  it('a service that fails for a moment is asked again, pages of a list follow each other, and a refusal is told', async () => {
    const answers: number[] = [];
    const asked: string[] = [];
    const hashes = ['aa', 'bb'].map((byte) => byte.repeat(32));
    const server: Server = createServer((request, response) => {
      request.resume();
      const status = answers.shift() ?? 200;
      asked.push(new URL(request.url ?? '', 'http://host').searchParams.get('continuation-token') ?? '');
      const isLast = asked.at(-1) === 'a/token+=';
      const hash = hashes[isLast ? 1 : 0] ?? '';
      const object = `<Key>${prefixes}/objects/${hash}</Key><Size>7</Size><LastModified>2026-01-02T03:04:05Z</LastModified>`;
      const odd = `<Key>${prefixes}/objects/.hidden</Key><Size>7</Size>`;
      const rest = isLast ? '<IsTruncated>false</IsTruncated>' : '<IsTruncated>true</IsTruncated>';
      const token = isLast ? '' : '<NextContinuationToken>a/token+=</NextContinuationToken>';
      response.writeHead(status, { 'content-type': 'application/xml' });
      response.end(
        status === 200
          ? `<R><Contents>${odd}</Contents><Contents>${object}</Contents>${rest}${token}</R>`
          : '<Error><Code>Odd</Code><Message>a\u0007b &lt;c&gt;</Message></Error>',
      );
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const store = await open({ endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
    answers.push(503, 500, 429);
    const storedAt = Date.UTC(2026, 0, 2, 3, 4, 5);
    expect(await listed(store)).toEqual(hashes.map((hash) => ({ hash, size: 7, storedAt })));
    // One for the start, four for the first page, one for the second.
    expect(asked).toEqual(['', '', '', '', '', 'a/token+=']);
    answers.push(418);
    await expect(listed(store)).rejects.toMatchObject({
      code: 'vault-store-failed',
      message: expect.stringContaining('Odd: a b <c>') as string,
    });
    await store.close();
    server.close();
  });
});

interface Way {
  readonly url: string;
  cuts(): number;
  refuse(refused: boolean): void;
  /** Connections that were refused. */
  refusals(): number;
  close(): void;
}

/** A way to the service that cuts its first connection which has carried so many bytes back. */
async function startWay(to: number, cutAfter = Number.POSITIVE_INFINITY): Promise<Way> {
  let cuts = 0;
  let refused = false;
  let refusals = 0;
  const sockets = new Set<Socket>();
  const server = createTcpServer((socket) => {
    const target = connect(to, '127.0.0.1');
    for (const one of [socket, target]) sockets.add(one.on('error', () => one.destroy()));
    if (refused) {
      refusals++;
      socket.destroy();
      target.destroy();
      return;
    }
    socket.pipe(target);
    let carried = 0;
    target.on('data', (bytes: Buffer) => {
      carried += bytes.length;
      socket.write(bytes);
      if (carried > cutAfter && cuts === 0) {
        cuts++;
        socket.destroy();
        target.destroy();
      }
    });
    target.on('end', () => socket.end());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    cuts: () => cuts,
    refuse: (now) => (refused = now),
    refusals: () => refusals,
    close() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}
