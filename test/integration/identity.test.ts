import { chmodSync, cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type Node, startFleet } from '../support/fleet.ts';
import { runCli, untilExit } from '../support/node-process.ts';

describe('one key, one life', () => {
  it('that runs twice makes both read-only, and both say why [N7]', async () => {
    const fleet = await startFleet({ start: [] });
    const [a, twin, c] = fleet.nodes as [Node, Node, Node];
    twin.configure({ KEY_FILE: a.keyFile });
    await Promise.all([a.start(), twin.start(), c.start()]);
    expect((await twin.api.status()).peerId).toBe(a.peerId);
    for (const i of [0, 1]) {
      const status = await fleet.status(i, 'it found its twin', ({ writable }) => !writable, 60_000);
      expect(status.readOnlyReasons).toContainEqual({
        code: 'clone',
        text: expect.stringMatching(/Another node runs with this node's key/) as string,
      });
    }
    const answer = await a.api.send('PUT', '/api/v1/state/key', { body: 1 });
    expect(answer.status).toBe(503);
    expect(answer.json()).toMatchObject({
      code: 'read-only',
      reasons: [{ code: 'clone', text: expect.stringContaining("Another node runs with this node's key") as string }],
    });
    // The third node has nothing to complain about.
    await c.api.put('from/c', 1);
    await fleet.settled();
    await fleet.stop();
  });

  it('in one directory: a second process is refused with the reason and exit code 75 [N1]', async () => {
    const fleet = await startFleet({ nodes: 1 });
    const [a] = fleet.nodes as [Node];
    await a.api.put('key', 1);
    const second = runCli(['start', '--env-file', a.envFile], {
      cwd: fleet.dir,
      env: { DIOTEC360_API_PORT: '0', DIOTEC360_P2P_ENABLED: 'false' },
    });
    expect(await untilExit(second)).toEqual({ code: 75, signal: null });
    expect(second.stderr).toMatch(/already open/);
    expect(second.stderr).toMatch(/next: /);
    expect(await a.api.put('key', 2)).toMatchObject({ value: 2 });
    await fleet.stop();
  });

  it('does not open the store of another: two swapped key files are noticed, and both nodes are named [N1]', async () => {
    const fleet = await startFleet({ nodes: 2 });
    const [a, b] = fleet.nodes as [Node, Node];
    await a.api.put('key', 1);
    await fleet.settled();
    await Promise.all([a.terminate(), b.terminate()]);
    const keys = [a, b].map(({ keyFile }) => readFileSync(keyFile));
    writeFileSync(a.keyFile, keys[1] as Buffer);
    writeFileSync(b.keyFile, keys[0] as Buffer);
    const exit = await a.startAndExit();
    expect(exit.code).toBe(2);
    for (const { peerId } of [a, b]) expect(a.process.stderr).toContain(peerId);
    expect(a.process.stderr).toMatch(/next: Put the key file of/);
    writeFileSync(a.keyFile, keys[0] as Buffer);
    writeFileSync(b.keyFile, keys[1] as Buffer);
    await Promise.all([a.start(), b.start()]);
    expect(await a.api.put('key', 2)).toMatchObject({ value: 2 });
    await fleet.stop();
  });

  it('restored from a backup catches up with its own history before it writes [N8]', async () => {
    const fleet = await startFleet({ nodes: 2 });
    const [a, b] = fleet.nodes as [Node, Node];
    await a.api.put('old', 1);
    await fleet.settled();
    await a.terminate();
    cpSync(a.stateDir, `${a.stateDir}.backup`, { recursive: true });
    await a.start();
    const later = await a.api.put('later', 'made after the backup');
    await fleet.settled();
    await a.terminate();
    rmSync(a.stateDir, { recursive: true });
    cpSync(`${a.stateDir}.backup`, a.stateDir, { recursive: true });

    await a.start();
    const first = await a.api.put('after/restore', true);
    expect(first.hlc > later.hlc).toBe(true);
    const { entries, conflicts } = await fleet.settled();
    expect(entries.map(({ key }) => key)).toEqual(['after/restore', 'later', 'old']);
    expect(entries.find(({ key }) => key === 'later')).toEqual(later);
    expect(conflicts).toEqual([]);
    expect((await a.api.status()).readOnlyReasons).toEqual([]);

    // The same without a peer to ask: it writes, and stops as soon as a peer knows better.
    await Promise.all([a.terminate(), b.terminate()]);
    rmSync(a.stateDir, { recursive: true });
    cpSync(`${a.stateDir}.backup`, a.stateDir, { recursive: true });
    await a.start();
    await a.api.put('alone', true);
    await b.start();
    const status = await fleet.status(0, 'a knows that its past is gone', ({ writable }) => !writable);
    expect(status.readOnlyReasons).toContainEqual({
      code: 'clone',
      text: expect.stringMatching(/restored from an old backup/) as string,
    });
    // Nothing is lost by it: both lives are merged.
    expect((await fleet.settled()).entries.map(({ key }) => key)).toEqual(['after/restore', 'alone', 'later', 'old']);
    await fleet.stop();
  });

  it('is not read from a file that others can read [K5]', async () => {
    const fleet = await startFleet({ nodes: 1, start: [] });
    const [a] = fleet.nodes as [Node];
    chmodSync(a.keyFile, 0o640);
    const exit = await a.startAndExit();
    expect(exit.code).toBe(1);
    expect(a.process.stderr).toMatch(/0640/);
    expect(a.process.stderr).toContain(`chmod 600 ${a.keyFile}`);
    chmodSync(a.keyFile, 0o600);
    await a.start();
    await fleet.stop();
  });
});
