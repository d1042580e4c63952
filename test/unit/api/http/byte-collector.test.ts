import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { createByteCollector, passOver } from '../../../../src/api/http/byte-collector.ts';
import { MAX_BODY_BYTES } from '../../../../src/api/http/requests.ts';
import { startApi } from '../support.ts';

describe('bodies that come in many pieces', () => {
  it('are kept as their bytes, in memory of at most twice their size [A13]', () => {
    const collector = createByteCollector();
    const sent = Uint8Array.from({ length: 100_000 }, (_, i) => i % 251);
    for (let at = 0; at < sent.length; at++) collector.add(sent.subarray(at, at + 1));
    collector.add(sent);
    expect(collector.length).toBe(200_000);
    expect(collector.bytes().equals(Buffer.concat([sent, sent]))).toBe(true);
    expect(collector.bytes().buffer.byteLength).toBeLessThanOrEqual(400_000);
  });

  it('are passed over up to the limit, where they are not used [A13]', async () => {
    const outcome = (bytes: number) =>
      new Promise((resolve) => passOver(Readable.from([Buffer.alloc(bytes - 1), Buffer.alloc(1)]), resolve));
    expect(await outcome(MAX_BODY_BYTES)).toBeNull();
    expect(await outcome(MAX_BODY_BYTES + 1)).toMatchObject({ code: 'body-too-large' });
    const { ask } = await startApi();
    const post = (bytes: number) =>
      ask('/api/lattice/sync/switch', {
        method: 'POST',
        headers: { 'content-type': 'text/x' },
        body: 'x'.repeat(bytes),
      });
    expect((await post(MAX_BODY_BYTES)).status).toBe(200);
    expect((await post(MAX_BODY_BYTES + 1)).status).toBe(413);
  });
});
