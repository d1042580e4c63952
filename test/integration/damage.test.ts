import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openLevelStore } from '../../src/adapters/store/index.ts';
import { nodeHasher } from '../../src/adapters/system/index.ts';
import { BUCKETS, keyToEntryKey } from '../../src/core/rows/keys.ts';
import { type Fleet, type Node, startFleet } from '../support/fleet.ts';
import { runCli } from '../support/node-process.ts';

const alone = (): Promise<Fleet> => startFleet({ nodes: 1, env: () => ({ P2P_ENABLED: 'false' }) });

async function fill(node: Node): Promise<string> {
  for (let commit = 0; commit < 8; commit++) {
    const operations = Array.from({ length: 32 }, (_, i) => ({
      op: 'put' as const,
      key: `key/${commit}/${i}`,
      value: 'x'.repeat(200) + i,
    }));
    await node.api.commit(operations);
  }
  return (await node.api.status()).root;
}

const hasher = nodeHasher();

/** Every row of a store that nobody runs on, as one hash. */
async function hashRows(directory: string): Promise<string> {
  const store = await openLevelStore(directory);
  const hash = createHash('sha256');
  const greatest = Math.max(...Object.values(BUCKETS)) + 1;
  for await (const rows of store.iterate({ gte: Uint8Array.of(0), lt: Uint8Array.of(greatest) })) {
    for (const row of rows) for (const part of row) hash.update(`${part.length}:`).update(part);
  }
  await store.close();
  return hash.digest('hex');
}

/** Name and hash of each table file: what LevelDB never changes once it is written. */
function hashTables(directory: string): Record<string, string> {
  const tables = readdirSync(directory).filter((name) => /\.(ldb|sst)$/.test(name));
  return Object.fromEntries(
    tables.map((name) => [
      name,
      createHash('sha256')
        .update(readFileSync(join(directory, name)))
        .digest('hex'),
    ]),
  );
}

/** Cuts the newest write-ahead log in half. */
function cutLog(directory: string): void {
  const name = readdirSync(directory)
    .filter((file) => file.endsWith('.log'))
    .sort()
    .at(-1);
  const path = join(directory, name ?? '');
  truncateSync(path, Math.floor(statSync(path).size / 2));
}

describe('a damaged store', () => {
  it('that lost a row is refused with both roots and the next step, and is left as it is [N2]', async () => {
    const fleet = await alone();
    const [node] = fleet.nodes as [Node];
    const root = await fill(node);
    await node.terminate();
    const store = await openLevelStore(node.stateDir);
    await store.batch([{ type: 'del', key: keyToEntryKey('key/3/7', hasher) }]);
    await store.close();
    const rows = await hashRows(node.stateDir);
    const tables = hashTables(node.stateDir);

    // Every start says the same: nothing was repaired or thrown away in between.
    for (const attempt of ['first', 'second']) {
      expect((await node.startAndExit()).code, attempt).toBe(65);
      const { stderr } = node.process;
      expect(stderr).toContain(`its stored root is ${root}`);
      const rebuilt = /entr(?:y|ies) is ([0-9a-f]{64})/.exec(stderr)?.[1];
      expect(rebuilt).toBeDefined();
      expect(rebuilt).not.toBe(root);
      expect(stderr).toMatch(/next: .*move it aside/);
    }
    expect(await hashRows(node.stateDir)).toBe(rows);
    expect(hashTables(node.stateDir)).toMatchObject(tables);
    await fleet.stop();
  });

  it('whose table file has flipped bytes is refused, and its tables are left as they are', async () => {
    const fleet = await alone();
    const [node] = fleet.nodes as [Node];
    await fill(node);
    await node.terminate();
    // Opening moves the write-ahead log into a table.
    await (await openLevelStore(node.stateDir)).close();
    const before = hashTables(node.stateDir);
    const names = Object.keys(before);
    expect(names.length).toBeGreaterThan(0);
    // One bit in every second KiB of each table: whatever is compressed or not, entries are hit.
    for (const name of names) {
      const bytes = readFileSync(join(node.stateDir, name));
      for (let at = 512; at < bytes.length - 512; at += 2048) bytes[at] = (bytes[at] as number) ^ 0x04;
      writeFileSync(join(node.stateDir, name), bytes);
    }
    const damaged = hashTables(node.stateDir);
    expect(damaged).not.toEqual(before);
    const exit = await node.startAndExit();
    expect(exit.code).toBe(65);
    expect(node.process.stderr).toMatch(/damaged/i);
    expect(node.process.stderr).toMatch(/next: .*[Mm]ove/);
    expect(node.process.stderr).toContain(node.stateDir);
    expect(hashTables(node.stateDir)).toMatchObject(damaged);
    await fleet.stop();
  });

  it('whose log lost its end says how many batches are missing, and is read-only until that is accepted [N15, N7]', async () => {
    const fleet = await alone();
    const [node] = fleet.nodes as [Node];
    await fill(node);
    const { sequence } = await node.api.status();
    await node.terminate();
    cutLog(node.stateDir);

    // The second start still knows.
    for (const attempt of ['first', 'second']) {
      await node.start();
      const status = await node.api.status();
      const lost = sequence - status.sequence;
      expect(lost, attempt).toBeGreaterThan(0);
      expect(status.readOnlyReasons, attempt).toMatchObject([{ code: 'lost-batches' }]);
      expect(status.readOnlyReasons[0]?.text).toMatch(lost === 1 ? /^The last batch / : `The last ${lost} batches `);
      expect(status.warnings.map(({ code }) => code)).toContain('lost-batches');
      await expect(node.api.put('after', 1)).rejects.toThrow(/answered 503.*The last .*missing in its store/s);
      if (attempt === 'first')
        expect(node.process.log().some(({ msg }) => msg === 'the end of the store is lost')).toBe(true);
      await node.terminate();
    }
    rmSync(join(node.stateDir, 'witness'));
    await node.start();
    const accepted = await node.api.status();
    expect(accepted.writable).toBe(true);
    expect(accepted.warnings.map(({ code }) => code)).toContain('no-witness');
    await node.api.put('after', 1);
    await node.terminate();
    await node.start();
    const { warnings, writable } = await node.api.status();
    expect([writable, warnings.some(({ code }) => code === 'no-witness')]).toEqual([true, false]);
    await fleet.stop();
  });

  it('whose log lost its end is made whole by its peers, and takes writes again [N15]', async () => {
    const fleet = await startFleet({ nodes: 2, env: () => ({ P2P_ENABLED: 'false' }) });
    const [node, other] = fleet.nodes as [Node, Node];
    await fill(node);
    const { root } = await fleet.settled();
    await node.terminate();
    cutLog(node.stateDir);
    await node.start();
    expect((await node.api.status()).warnings.map(({ code }) => code)).toContain('lost-batches');
    const whole = await fleet.status(0, 'writes are taken again', ({ writable }) => writable);
    expect(whole.root).toBe(root);
    await node.api.put('after', 1);
    await fleet.settled();
    for (const one of [node, other]) expect((await one.api.status()).readOnlyReasons).toEqual([]);
    await fleet.stop();
  });

  it('whose lost batches were superseded meanwhile takes writes again once it has what superseded them [N15]', async () => {
    const fleet = await startFleet({ nodes: 2, env: () => ({ P2P_ENABLED: 'false' }) });
    const [node, other] = fleet.nodes as [Node, Node];
    await fill(node);
    await node.api.put('last', 'of the node');
    await fleet.settled();
    await node.terminate();
    cutLog(node.stateDir);
    await other.api.put('last', 'of the other');
    const { root } = await other.api.status();
    await node.start();
    expect((await node.api.status()).warnings.map(({ code }) => code)).toContain('lost-batches');
    const whole = await fleet.status(0, 'writes are taken again', ({ writable }) => writable);
    expect(whole.root).toBe(root);
    await fleet.stop();
  });

  it('whose table has lost bytes is refused before it is opened [N14]', async () => {
    const fleet = await alone();
    const [node] = fleet.nodes as [Node];
    await fill(node);
    await node.terminate();
    await (await openLevelStore(node.stateDir)).close();
    const [name = ''] = Object.keys(hashTables(node.stateDir));
    const path = join(node.stateDir, name);
    truncateSync(path, statSync(path).size - 1);
    expect((await node.startAndExit()).code).toBe(65);
    expect(node.process.stderr).toMatch(/has \d+ bytes, and the manifest says \d+/);
    expect(node.process.stderr).toMatch(/next: .*[Mm]ove/);
    await fleet.stop();
  });

  it('whose value has another digit is refused with the row and the next step [N14]', async () => {
    const fleet = await alone();
    const [node] = fleet.nodes as [Node];
    await fill(node);
    await node.api.put('debt', 'pay 1000 to nobody');
    await node.api.put('other', 1);
    await node.terminate();
    await (await openLevelStore(node.stateDir)).close();
    const [name] = Object.keys(hashTables(node.stateDir)).filter((table) =>
      readFileSync(join(node.stateDir, table)).includes('pay 1000'),
    );
    const path = join(node.stateDir, name ?? '');
    const bytes = readFileSync(path);
    bytes[bytes.indexOf('pay 1000') + 4] = 0x39;
    writeFileSync(path, bytes);

    expect((await node.startAndExit()).code).toBe(65);
    expect(node.process.stderr).toMatch(/the row 09[0-9a-f]{64} of the store does not match its checksum/);
    expect(node.process.stderr).toMatch(/next: .*move it aside/);
    await fleet.stop();
  });

  it('is looked for at every start and on demand, and a good one is found good [N17]', async () => {
    const fleet = await alone();
    const [node] = fleet.nodes as [Node];
    await fill(node);
    const verified = await runCli(['verify', '--env-file', node.envFile], { cwd: fleet.dir }).exited;
    expect(verified.code).toBe(0);
    const { scrub, entries } = await node.api.status();
    expect(scrub).toMatchObject({ completed: 1, total: entries });
    expect(scrub?.completedAt).toBeGreaterThan(0);
    const integrity = await fetch(new URL('/api/persistence/integrity', node.api.url));
    expect(await integrity.json()).toMatchObject({ is_valid: true, status: 'VALID' });
    await fleet.stop();
  });

  it('with nothing wrong is opened, and has the root that it was closed with', async () => {
    const fleet = await alone();
    const [node] = fleet.nodes as [Node];
    const root = await fill(node);
    await node.kill();
    await node.start();
    expect((await node.api.status()).root).toBe(root);
    await fleet.stop();
  });
});
