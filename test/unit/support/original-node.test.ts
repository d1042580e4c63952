import { createHash, createPublicKey, verify } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { rootOf, snapshotText } from '../../support/original/database.ts';
import { membersOf } from '../../support/original/python-json.ts';
import {
  type OriginalNode,
  type OriginalOptions,
  originalEntries,
  STATE_DIR,
  startOriginalNode,
  writeOriginalState,
} from '../../support/original-node.ts';
import { hasPython, pythonSnapshot } from '../../support/python.ts';

let directory: string;
let nodes: OriginalNode[];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'lattice-original-'));
  nodes = [];
});
afterEach(async () => {
  for (const node of nodes) await node.stop();
  rmSync(directory, { recursive: true, force: true });
});
async function start(options: OriginalOptions = {}): Promise<OriginalNode> {
  const node = await startOriginalNode(directory, options);
  nodes.push(node);
  return node;
}
const stateOf = async (node: OriginalNode): Promise<{ readonly status: number; readonly text: string }> => {
  const answer = await fetch(`${node.url}/api/lattice/state`);
  return { status: answer.status, text: await answer.text() };
};

describe('the rendition of the original that other tests rely on', () => {
  it('computes its roots', () => {
    const file = new URL('../../fixtures/original/roots.json', import.meta.url);
    const { roots } = JSON.parse(readFileSync(file, 'utf8')) as { roots: { state: string; root: string }[] };
    // It takes numbers in Python's form alone, where an exponent has a sign and two digits.
    const pythonic = roots.filter(({ state }) => !/\d[eE]/.test(state));
    expect(pythonic.length).toBeGreaterThan(10);
    for (const { state, root } of pythonic) expect([state, rootOf(membersOf(state))]).toEqual([state, root]);
  });

  it.skipIf(!hasPython)('writes what Python itself writes for the same state', () => {
    const state = originalEntries(60);
    const text = snapshotText(state, rootOf(state), Date.now());
    expect(pythonSnapshot(text)).toEqual({ root: rootOf(state), text });
  });

  it('logs each change twice, and reads its own files again', async () => {
    const node = await start();
    expect(node.root).toBeNull();
    await node.put('a', '{"n": 1.0, "é": "✓"}');
    await node.put('b', '[]');
    await node.delete('b');
    await node.save();
    const lines = readFileSync(join(directory, STATE_DIR, 'wal.log'), 'utf8')
      .trimEnd()
      .split('\n');
    expect(lines).toHaveLength(6);
    expect(lines[0]).toMatch(
      /^\{"sequence_number": 1, "operation": "PUT", "key": "a", "value": \{"n": 1\.0, "\\u00e9": "\\u2713"\}, "timestamp": \d+\.\d+, "merkle_root_before": "empty", "merkle_root_after": "pending"\}$/,
    );
    expect(lines[5]).toContain(`"operation": "DELETE", "key": "b", "value": null`);
    await node.stop();
    expect((await start()).root).toBe(node.root);
  });

  it('refuses to start on a state that does not have its root', async () => {
    writeOriginalState(directory, originalEntries(6));
    const file = join(directory, STATE_DIR, 'snapshot.json');
    writeFileSync(file, readFileSync(file, 'utf8').replace('1000', '1001'));
    await expect(startOriginalNode(directory)).rejects.toThrow('CORRUPTION');
  });

  it('serves its state unsigned, and signed with a key', async () => {
    const root = writeOriginalState(directory, originalEntries(10));
    const { text } = await stateOf(await start());
    expect(text.startsWith(`{"success":true,"merkle_root":"${root}","state":{"account:000000":{"balance":1000,`)).toBe(
      true,
    );
    expect(text).toContain('"balance:node000000":0.0,');
    expect(text).toContain('"tesouraria é ✓"');
    expect(text.endsWith('"state_size":10,"signed":false}')).toBe(true);

    const seed = '07'.repeat(32);
    const signed = JSON.parse((await stateOf(await start({ seed }))).text) as Record<string, string>;
    const der = Buffer.from(
      '302a300506032b6570032100ea4a6c63e29c520abef5507b132ec5f9954776aebebe7b92421eea691446d22c',
      'hex',
    );
    const key = createPublicKey({ key: der, format: 'der', type: 'spki' });
    const message = Buffer.from(`${root}:${signed['timestamp']}`);
    expect(verify(null, message, key, Buffer.from(signed['signature'] ?? '', 'hex'))).toBe(true);
  });

  it('lies, changes and dawdles when told to', async () => {
    const root = writeOriginalState(directory, originalEntries(10));
    const node = await start({ seed: '07'.repeat(32) });
    const honest = (await stateOf(node)).text;
    await node.behave({ lie: 'root' });
    expect((await stateOf(node)).text).toContain(`"merkle_root":"${'f'.repeat(64)}"`);
    await node.behave({ lie: 'value' });
    const { text } = await stateOf(node);
    expect([text.includes(root), text.includes('not what was written')]).toEqual([true, true]);
    await node.behave({ lie: 'size' });
    expect((await stateOf(node)).text).toContain('"state_size":11');
    await node.behave({ lie: 'signature' });
    expect((await stateOf(node)).text).toContain(`"signature":"${'0'.repeat(128)}"`);
    await node.behave({ lie: 'not-json' });
    expect((await stateOf(node)).text).toContain('<!doctype html>');
    await node.behave({ lie: 'error' });
    expect((await stateOf(node)).status).toBe(500);
    await node.behave({ lie: 'cut' });
    await expect(stateOf(node)).rejects.toThrow();
    await node.behave({ changing: 'counter' });
    const [first, second] = [await stateOf(node), await stateOf(node)];
    expect([first.text.includes('"counter":1'), second.text.includes('"counter":2')]).toEqual([true, true]);
    await node.behave({ slow: { bytes: 256, ms: 1 } });
    expect((await stateOf(node)).text).toHaveLength(honest.length + '"counter":2,'.length);
  });

  it('answers by the shapes of the original', async () => {
    writeOriginalState(directory, originalEntries(3));
    const node = await start({ nodes: ['http://other'], executions: [{ status: 'PROVED', elapsed_ms: 2 }] });
    const get = async (path: string): Promise<unknown> => (await fetch(node.url + path)).json();
    expect(await get('/api/lattice/nodes')).toEqual({ success: true, nodes: ['http://other'], count: 1 });
    expect(await get('/api/persistence/executions')).toMatchObject({ count: 1, executions: [{ status: 'PROVED' }] });
    expect(await get('/api/persistence/merkle-root')).toMatchObject({ merkle_root: node.root, total_accounts: 3 });
    expect(await get('/api/persistence/bundles')).toEqual({ success: true, bundles: [], count: 0 });
    expect(await get('/nothing')).toEqual({ detail: 'Not Found' });
    expect(createHash('sha256').update('empty').digest('hex')).toBe(rootOf(new Map()));
  });
});
