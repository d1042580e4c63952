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
    expect(told.map(([, message]) => message)).toContain('production guard: safe mode, read-only');
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
    const node = await startNode({ dataDir: join(directory, 'a') });
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
    ];
    for (const call of calls) {
      const error = await errorOf(call);
      expect(error).toBeInstanceOf(LatticeError);
      expect(error).toMatchObject({ code: 'stopping' });
    }
    for (const call of ['status', 'peers', 'root', 'cuts', 'certificate', 'series', 'verifyStore'] as const)
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
    await using node = await startNode({ dataDir: join(directory, 'a'), peers: ['http://127.0.0.1:9'] });
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
