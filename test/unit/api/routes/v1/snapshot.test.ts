import { describe, expect, it } from 'vitest';
import { createChunkCheck, manifestToPlan } from '../../../../../src/core/snapshot/index.ts';
import { decodeSync, type SyncMessage } from '../../../../../src/core/wire/index.ts';
import { hasher, NETWORK } from '../../../runtime/support.ts';
import { certify, commitsOf, friend, startWithFriend } from '../../live-lattice.ts';
import { startApi } from '../../support.ts';

/** A node with 700 keys, in two chunks, at a certified cut. */
async function publish(publicSync: boolean) {
  const node = await startWithFriend();
  await node.lattice.take(commitsOf('a', 700));
  const { root } = await certify(node);
  const { url } = await startApi({ lattice: node.lattice, config: { publicSync } });
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
        isTrusted: (author) => author === friend.author,
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
