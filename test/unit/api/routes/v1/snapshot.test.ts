import { afterEach, describe, expect, it } from 'vitest';
import { createApi } from '../../../../../src/api/index.ts';
import { createChunkCheck, manifestToPlan } from '../../../../../src/core/snapshot/index.ts';
import { type Bytes, bytesToHex, hexToBytes } from '../../../../../src/core/types/index.ts';
import { decodeSync, encodeSync, type SyncMessage } from '../../../../../src/core/wire/index.ts';
import { authors, commits, createSource, type Source, trusted } from '../../../runtime/bootstrap/support.ts';
import { hasher, NETWORK, type TestAuthor } from '../../../runtime/support.ts';
import { createFakeLattice } from '../../fake-lattice.ts';
import { silentLog, TEST_CONFIG } from '../../support.ts';

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  await Promise.all(closing.splice(0).map((close) => close()));
});

const bytesOf = (hex: string): Bytes => hexToBytes(hex) ?? new Uint8Array(0);

/** A node with 700 keys, in two chunks, at a certified cut. */
async function publish(publicSync: boolean) {
  const source: Source = await createSource(1);
  await source.apply(commits(authors[0] as TestAuthor, 'a', 7, 100));
  source.cut();
  const { snapshots, state } = source;
  const api = await createApi({
    lattice: {
      ...createFakeLattice(),
      snapshots: {
        manifest: async (root) => encodeSync(await snapshots.manifest(bytesOf(root))),
        chunk: async (root, index, after = '') =>
          encodeSync(await snapshots.chunk({ root: bytesOf(root), index, after: bytesOf(after) })),
      },
    },
    log: silentLog,
    config: { ...TEST_CONFIG, api: { ...TEST_CONFIG.api, publicSync } },
  });
  closing.push(() => api.close());
  const { url } = await api.listen();
  const root = bytesToHex(state.replica.tree.root());
  return { base: `${url}/api/v1/sync/cuts/${root}`, url };
}

async function messageAt(url: string): Promise<{ readonly message: SyncMessage; readonly answer: Response }> {
  const answer = await fetch(url);
  return { answer, message: decodeSync(new Uint8Array(await answer.arrayBuffer())) };
}

describe('GET /api/v1/sync/cuts', () => {
  it('gives whoever asks the manifest and the chunks of a certified cut, to be cached for good [W11]', async () => {
    const { base } = await publish(true);
    const { message: manifest, answer } = await messageAt(`${base}/manifest`);
    expect(answer.headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
    if (manifest.type !== 'manifest') throw new Error(manifest.type);
    const plan = manifestToPlan(manifest, hasher);
    let keys = 0;
    for (let index = 0; index < 2 ** plan.bits; index++) {
      const check = createChunkCheck({
        plan,
        index,
        network: NETWORK,
        isTrusted: (author) => trusted.includes(author),
        hasher,
      });
      const { message: part } = await messageAt(`${base}/chunks/${index}`);
      if (part.type !== 'part') throw new Error(part.type);
      expect(check.add(part)).toBeUndefined();
      keys += check.finish().entries.length;
    }
    expect(keys).toBe(700);

    const etag = answer.headers.get('etag') ?? '';
    const again = await fetch(`${base}/manifest`, { headers: { 'if-none-match': etag } });
    expect([again.status, (await again.arrayBuffer()).byteLength]).toEqual([304, 0]);
    expect((await fetch(`${base}/manifest`, { headers: { 'if-none-match': `"a,b",,W/${etag}` } })).status).toBe(304);
    expect((await fetch(`${base}/manifest`, { headers: { 'if-none-match': '"a' } })).status).toBe(400);
    expect((await fetch(`${base}/manifest`, { headers: { 'if-match': '"a"' } })).status).toBe(412);
    const whole = Buffer.from(await (await fetch(`${base}/manifest`)).arrayBuffer());
    const part = await fetch(`${base}/manifest`, { headers: { range: 'bytes=10-19' } });
    expect([part.status, part.headers.get('content-range')]).toEqual([206, `bytes 10-19/${whole.length}`]);
    expect(Buffer.from(await part.arrayBuffer())).toEqual(whole.subarray(10, 20));
    const { message: rest } = await messageAt(`${base}/chunks/1?after=${'ff'.repeat(32)}`);
    expect(rest).toMatchObject({ type: 'part', entries: [] });
  });

  it('answers 404 for other roots, 400 for what is no hash or number, and nothing at all unless cuts are public [W11]', async () => {
    const { base, url } = await publish(true);
    const statusOf = async (at: string): Promise<number> => (await fetch(at)).status;
    expect(await statusOf(`${url}/api/v1/sync/cuts/${'00'.repeat(32)}/manifest`)).toBe(404);
    expect(await statusOf(`${url}/api/v1/sync/cuts/${'00'.repeat(32)}/chunks/0`)).toBe(404);
    expect(await statusOf(`${base.slice(0, -2)}/manifest`)).toBe(400);
    expect(await statusOf(`${base}/chunks/x`)).toBe(400);
    expect(await statusOf(`${base}/chunks/0?after=12`)).toBe(400);
    const hidden = await publish(false);
    expect(await statusOf(`${hidden.base}/manifest`)).toBe(404);
    expect(await statusOf(`${hidden.base}/chunks/0`)).toBe(404);
  });
});
