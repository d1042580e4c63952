import { createHash } from 'node:crypto';
import { getEventListeners } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { generateNodeKey, LatticeError, loadConfig, type NodeLogLine, startNode } from '../../../src/index.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'lattice-embedded-'));
});
afterEach(() => {
  vi.restoreAllMocks();
  rmSync(directory, { recursive: true, force: true });
});

const put = (key: string, value: string | number) => ({ op: 'put', key, value }) as const;
const errorOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'no error',
    (error: unknown) => error,
  );
async function allOf<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}
const listeners = (): number => process.getActiveResourcesInfo().filter((name) => name === 'TCPServerWrap').length;

describe('a node inside a program', () => {
  it('opens no port unless it is asked to, and takes its settings as one object', async () => {
    const before = listeners();
    const key = generateNodeKey();
    const settings = { dataDir: join(directory, 'a'), network: 'test', key: key.privateKey, trust: [key.publicKey] };
    const node = await startNode({ ...settings, name: 'alone' });
    expect(node.url).toBeUndefined();
    expect(listeners()).toBe(before);
    expect(node.lattice.status()).toMatchObject({ name: 'alone', network: 'test', author: key.publicKey });
    await node.lattice.write([put('k', 1)]);
    expect(await node.lattice.get('k')).toMatchObject({ value: 1 });
    await node.stop();

    await using serving = await startNode({ ...settings, api: {} });
    expect(listeners()).toBe(before + 1);
    expect((await fetch(`${serving.url}/api/v1/state?key=k`)).status).toBe(200);
  });

  it('takes nothing of a signal with it when a subscription ends before the signal', async () => {
    await using node = await startNode({ dataDir: join(directory, 'a') });
    const { signal } = new AbortController();
    for (let i = 0; i < 3; i++) (await node.lattice.subscribe(() => true, { signal })).close();
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  it('puts content, reads it and ranges of it, pins, checks and removes it, and has no vault where none is wanted', async () => {
    await using node = await startNode({ dataDir: join(directory, 'a'), vault: {} });
    const vault = node.lattice.vault ?? expect.fail('it has no vault');
    const bytes = new Uint8Array(100_000).map((_, i) => i % 251);
    async function* content(): AsyncGenerator<Uint8Array> {
      yield bytes.subarray(0, 70_000);
      yield bytes.subarray(70_000);
    }
    const hash = createHash('sha256').update(bytes).digest('hex');
    const { object, created } = await vault.put(content(), { name: 'x.bin', type: 'text/plain', expect: hash });
    expect([object.hash, object.size, object.name, object.pinned, created]).toEqual([
      hash,
      100_000,
      'x.bin',
      false,
      true,
    ]);
    expect((await vault.put(content())).created).toBe(false);
    const all = await vault.open(hash);
    expect(Buffer.concat(await allOf(all.bytes)).equals(bytes)).toBe(true);
    const part = await vault.open(hash, { range: { start: 69_999, end: 70_002 } });
    expect(Buffer.concat(await allOf(part.bytes)).equals(bytes.subarray(69_999, 70_002))).toBe(true);
    expect((await vault.pin(hash, true)).pinned).toBe(true);
    expect((await vault.list()).items.map((one) => one.hash)).toEqual([hash]);
    expect((await vault.leaves(hash)).length % 32).toBe(0);
    expect(await vault.holders(hash)).toMatchObject([{ author: node.lattice.status().author, has: true }]);
    expect(await vault.fetch(hash)).toMatchObject({ here: 'whole' });
    expect(await allOf(vault.verify())).toEqual([{ hash, size: 100_000, fault: undefined }]);
    expect(vault.status()).toMatchObject({ objects: 1, here: { objects: 1, bytes: 100_000 } });
    // A reader that leaves early ends what it holds.
    for await (const piece of (await vault.open(hash)).bytes) {
      expect(piece.length).toBeGreaterThan(0);
      break;
    }
    await vault.remove(hash);
    expect(await vault.stat(hash)).toBeUndefined();
    expect(await errorOf(vault.open(hash))).toMatchObject({ code: 'object-not-found' });
    expect((await vault.collect({ dryRun: true })).kept.map((one) => one.hash)).toEqual([hash]);
    await using without = await startNode({ dataDir: join(directory, 'b') });
    expect(without.lattice.vault).toBeUndefined();
  });

  it('keeps what a program notes of executions and attacks, and tells its figures', async () => {
    await using node = await startNode({ dataDir: join(directory, 'a') });
    const { audit } = node.lattice;
    const execution = { tx_id: 'tx-1', intent_name: 'pay', status: 'PROVED', timestamp: 1_700_000_000 };
    expect(await audit.add([{ kind: 'execution', id: 'tx-1', row: execution }])).toEqual({ added: 1, known: 0 });
    expect(await audit.add([{ kind: 'execution', id: 'tx-1', row: execution }])).toEqual({ added: 0, known: 1 });
    expect((await audit.list({ kind: 'execution' })).items).toMatchObject([{ id: 'tx-1', row: { status: 'PROVED' } }]);
    const { executions, attacks } = await audit.stats();
    expect([executions.count, [...executions.statuses], attacks.count]).toEqual([1, [['PROVED', 1]], 0]);
    expect(node.lattice.evidence()).toEqual([]);
    expect((await node.resources()).disk.freeBytes).toBeGreaterThan(0);
    const metrics = await node.metrics();
    expect(metrics).toMatch(/^lattice_verdict\{.*kind="ALONE".*\} 1$/m);
    expect(metrics).toMatch(/^process_resident_memory_bytes \d/m);
  });

  it('is stopped at the end of an await using block', async () => {
    let ended: AbortSignal;
    {
      await using node = await startNode({ dataDir: join(directory, 'a') });
      ended = node.ended;
      expect(ended.aborted).toBe(false);
    }
    expect(ended.aborted).toBe(true);
    // The store is free again.
    await using again = await startNode({ dataDir: join(directory, 'a') });
    expect(again.lattice.root().live).toBe(0);
  });

  it('hands its lines to a logger of the program, of the level that it asks for, and survives one that throws', async () => {
    const lines: NodeLogLine[] = [];
    const node = await startNode({ dataDir: join(directory, 'a'), logger: (line) => lines.push(line) });
    await node.stop();
    expect(lines.map(({ message }) => message)).toEqual(
      expect.arrayContaining(['LATTICE READY - Hybrid Sync Active', 'LATTICE STOPPED']),
    );
    expect(lines.every(({ level, component }) => level !== 'debug' && component !== '')).toBe(true);

    const told: unknown[][] = [];
    const pinoLike = {
      debug: () => told.push([]),
      info: () => told.push([]),
      warn: (...given: unknown[]) => told.push(given),
      error: (...given: unknown[]) => told.push(given),
    };
    const dataDir = join(directory, 'b');
    const peer = `/ip4/127.0.0.1/tcp/9/p2p/${generateNodeKey().peerId}`;
    const quiet = await startNode({ dataDir, logger: pinoLike, logLevel: 'warn', environment: 'production' });
    await quiet.stop();
    expect(told.length).toBeGreaterThan(0);
    for (const [fields, message] of told) expect([typeof fields, typeof message]).toEqual(['object', 'string']);
    expect(told.map(([, message]) => message)).toContain('safe mode: this node refuses writes');
    const thrower = (): never => {
      throw new Error('the disk of the log is full');
    };
    const loud = await startNode({ dataDir, logger: thrower, p2p: {}, peers: [peer] });
    expect(loud.lattice.root().live).toBe(0);
    await loud.stop();
  });

  it('refuses settings beside a configuration', async () => {
    const config = loadConfig({ env: { DIOTEC360_API_PORT: '0' }, cwd: directory });
    const both = { config, name: 'x' } as Parameters<typeof startNode>[0];
    expect(await errorOf(startNode(both))).toMatchObject({
      code: 'invalid-config',
      message: expect.stringMatching(/^name/),
    });
  });

  it('a reload that fails leaves the log level as it was [N18]', async () => {
    const load = (env: Record<string, string>) =>
      loadConfig({ env: { DIOTEC360_API_PORT: '0', DIOTEC360_P2P_ENABLED: 'false', ...env }, cwd: directory });
    const lines: NodeLogLine[] = [];
    const node = await startNode({
      config: load({}),
      readConfig: () =>
        load({ DIOTEC360_LOG_LEVEL: 'debug', DIOTEC360_TRUSTED_STATE_PUBKEYS: generateNodeKey().publicKey }),
      logger: (line) => lines.push(line),
    });
    await node.stop();
    // Who is known cannot be made durable any more.
    await expect(node.reload()).rejects.toMatchObject({ code: 'stopping' });
    node.log.debug({}, 'not written');
    expect(lines.map(({ message }) => message)).not.toContain('not written');
  });

  it('answers every call after stop with a LatticeError, and those under way with their result [N9]', async () => {
    const node = await startNode({ dataDir: join(directory, 'a'), vault: {} });
    await node.lattice.write([put('a', 1)]);
    const writing = node.lattice.write([put('b', 2)]);
    const stopping = node.stop();
    const { lattice } = node;
    const late = errorOf(lattice.write([put('c', 3)]));
    expect((await writing).results).toMatchObject([{ key: 'b' }]);
    await stopping;
    expect(await late).toMatchObject({ code: 'stopping' });
    const calls = [
      lattice.get('a'),
      lattice.list(),
      lattice.entries().next(),
      lattice.history('a'),
      lattice.conflicts(),
      lattice.prove('a'),
      lattice.wholeState(),
      lattice.syncNow(),
      lattice.pingPeer('http://127.0.0.1:1'),
      lattice.addPeer({ url: 'http://127.0.0.1:1' }),
      lattice.removePeer({ url: 'http://127.0.0.1:1' }),
      lattice.differences('x'),
      lattice.verifyIntegrity(),
      lattice.subscribe(() => true),
      lattice.vault?.stat('ab'.repeat(32)),
      lattice.vault?.verify().next(),
      lattice.audit.stats(),
      lattice.audit.list({ kind: 'attack' }),
      node.resources(),
      node.metrics(),
    ];
    for (const call of calls.map((promise) => promise ?? Promise.resolve())) {
      const error = await errorOf(call);
      expect(error).toBeInstanceOf(LatticeError);
      expect(error).toMatchObject({ code: 'stopping' });
    }
    for (const call of ['status', 'peers', 'root', 'cuts', 'certificate', 'series', 'evidence', 'verifyStore'] as const)
      expect(() => lattice[call](), call).toThrow(expect.objectContaining({ code: 'stopping' }));
    expect(await lattice.changes().next()).toEqual({ done: true, value: undefined });
    expect(node.ended.reason).toMatchObject({ code: 'stopping' });
    await node.stop();

    await using again = await startNode({ dataDir: join(directory, 'a') });
    expect(await again.lattice.get('b')).toMatchObject({ value: 2 });
    expect(await again.lattice.get('c')).toBeUndefined();
  });

  it('ends a call whose signal is aborted with its reason, and takes back a write that still waits for writes to open', async () => {
    // A peer that never answers keeps writes closed for some seconds after the start.
    await using node = await startNode({ dataDir: join(directory, 'a'), peers: ['http://127.0.0.1:9'], vault: {} });
    const { lattice } = node;
    const why = new Error('no longer wanted');
    const abort = new AbortController();
    const waiting = errorOf(lattice.write([put('a', 1)], { signal: abort.signal }));
    const all = lattice.entries({ signal: abort.signal });
    abort.abort(why);
    expect(await waiting).toBe(why);
    const { signal } = abort;
    const calls = [
      lattice.get('a', { signal }),
      lattice.list({ signal }),
      all.next(),
      lattice.history('a', { signal }),
      lattice.conflicts({ signal }),
      lattice.prove('a', { signal }),
      lattice.wholeState({ signal }),
      lattice.syncNow({ signal }),
      lattice.pingPeer('http://127.0.0.1:9', { signal }),
      lattice.addPeer({ url: 'http://127.0.0.1:1' }, { signal }),
      lattice.differences('x', { signal }),
      lattice.verifyIntegrity({ signal }),
      lattice.subscribe(() => true, { signal }),
      lattice.vault?.fetch('ab'.repeat(32), { signal }) ?? Promise.resolve(),
      lattice.vault?.verify({ signal }).next() ?? Promise.resolve(),
      lattice.audit.add([], { signal }),
    ];
    for (const call of calls) expect(await errorOf(call)).toBe(why);
    await lattice.write([put('b', 2)]);
    expect(await lattice.get('a')).toBeUndefined();
    expect(lattice.peers().map(({ url }) => url)).toEqual(['http://127.0.0.1:9']);
  });

  it('ends with a LatticeError when its store can no longer be written, closes itself, and leaves the process alone [N9]', async () => {
    const exit = vi.spyOn(process, 'exit').mockImplementation(() => undefined as never);
    const node = await startNode({ dataDir: join(directory, 'a'), api: {} });
    const { lattice } = node;
    const waiting = errorOf(lattice.changes({ prefix: 'none' }).next());
    // The store's next file has no place to be made: LevelDB begins one after some megabytes.
    rmSync(directory, { recursive: true, force: true });
    let failure: unknown;
    for (let i = 0; i < 600; i++) {
      const operations = Array.from({ length: 4 }, (_, k) => put(`${i}/${k}`, 'x'.repeat(15_000) + i + k));
      failure = await lattice.write(operations).catch((error: unknown) => error);
      if (failure instanceof Error) break;
    }
    expect(failure).toMatchObject({ code: 'store-write-failed' });
    expect(node.ended.reason).toBe(failure);
    expect(await errorOf(lattice.get('0/0'))).toBe(failure);
    expect(() => lattice.status()).toThrow(expect.objectContaining({ code: 'store-write-failed' }));
    expect(await waiting).toBe(failure);
    await node.stop().catch(() => undefined);
    await expect(fetch(`${node.url}/livez`)).rejects.toThrow();
    expect([exit.mock.calls, process.exitCode]).toEqual([[], undefined]);
  });
});
