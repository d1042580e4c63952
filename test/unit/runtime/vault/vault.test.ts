import { afterEach, describe, expect, it } from 'vitest';
import { type Bytes, LatticeError } from '../../../../src/core/types/index.ts';
import { vaultKey } from '../../../../src/core/vault/index.ts';
import type { VaultStore } from '../../../../src/ports/index.ts';
import { readsOf } from '../support.ts';
import {
  ALL,
  contentOf,
  expectBytes,
  hashOf,
  inPieces,
  openVaults,
  readAll,
  type VaultFleet,
  type VaultNode,
} from './support.ts';

const BLOCK = 65_536;
let fleet: VaultFleet | undefined;
afterEach(async () => {
  await fleet?.stop();
  fleet = undefined;
});

async function alone(over: Parameters<typeof openVaults>[1] = {}, settings = ALL): Promise<VaultNode> {
  fleet = await openVaults([settings], over);
  return fleet.nodes[0] as VaultNode;
}

describe('put', () => {
  it('names content by its hash, and what is put can be read whole and in parts [U5]', async () => {
    const { vault } = await alone();
    const content = contentOf(3 * BLOCK + 5);
    const { object, created } = await vault.service.put(inPieces(content), {
      name: 'a.bin',
      type: 'text/plain',
      pin: true,
    });
    expect(created).toBe(true);
    expect(object).toMatchObject({
      hash: hashOf(content),
      size: content.length,
      name: 'a.bin',
      type: 'text/plain',
      pinned: true,
      here: 'whole',
      bytesHere: content.length,
    });
    expect(await vault.service.stat(object.hash)).toEqual(object);
    expectBytes(await readAll((await vault.service.open(object.hash)).bytes), content);
    for (const [start, end] of [
      [0, 0],
      [0, 1],
      [BLOCK - 1, BLOCK + 1],
      [BLOCK, 2 * BLOCK],
      [3 * BLOCK + 1, content.length],
      [content.length, content.length],
    ] as const)
      expectBytes(
        await readAll((await vault.service.open(object.hash, { start, end })).bytes),
        content.slice(start, end),
      );
  });

  it('takes the empty content and pieces of any size', async () => {
    const { vault } = await alone();
    const { object } = await vault.service.put(inPieces(new Uint8Array(0)));
    expect(object.size).toBe(0);
    expectBytes(await readAll((await vault.service.open(object.hash)).bytes), new Uint8Array(0));
    const content = contentOf(BLOCK * 2);
    for (const size of [1_000, BLOCK, 2_000_000])
      expect((await vault.service.put(inPieces(content, size))).object.hash).toBe(hashOf(content));
  });

  it('takes content from a source that uses one buffer for all of its pieces', async () => {
    const { vault } = await alone();
    const content = contentOf(3 * BLOCK + 5);
    async function* reusing(): AsyncGenerator<Bytes> {
      const buffer = new Uint8Array(10_000);
      for (let at = 0; at < content.length; at += buffer.length) {
        const piece = content.subarray(at, at + buffer.length);
        buffer.set(piece);
        yield buffer.subarray(0, piece.length);
      }
      buffer.fill(0);
    }
    const { object } = await vault.service.put(reusing());
    expect(object.hash).toBe(hashOf(content));
    expectBytes(await readAll((await vault.service.open(object.hash)).bytes), content);
  });

  it('takes the same content once, also at the same time, and pins what was not pinned', async () => {
    const { vault } = await alone();
    const content = contentOf(BLOCK + 1);
    const both = await Promise.all([vault.service.put(inPieces(content)), vault.service.put(inPieces(content))]);
    expect(both.filter(({ created }) => created)).toHaveLength(1);
    const again = await vault.service.put(inPieces(content), { pin: true });
    expect(again).toMatchObject({ created: false, object: { pinned: true } });
    expect((await vault.service.put(inPieces(content))).object.pinned).toBe(true);
    expect(vault.service.status().objects).toBe(1);
  });

  it('ends early when the content is too long, and keeps nothing of it', async () => {
    const { vault, bytes } = await alone({}, { ...ALL, maxObjectBytes: 100_000 });
    let given = 0;
    async function* endless(): AsyncGenerator<Bytes> {
      for (;;) {
        given++;
        yield contentOf(60_000, given);
      }
    }
    await expect(vault.service.put(endless())).rejects.toMatchObject({ code: 'object-too-large' });
    expect(given).toBe(2);
    await expectNothing(bytes);
    expect((await vault.service.put(inPieces(contentOf(100_000)))).created).toBe(true);
  });

  it('keeps nothing of content that has another hash than expected', async () => {
    const { vault, bytes } = await alone();
    const expected = hashOf(contentOf(10));
    await expect(vault.service.put(inPieces(contentOf(11)), { expect: expected })).rejects.toMatchObject({
      code: 'hash-mismatch',
    });
    await expectNothing(bytes);
    expect((await vault.service.put(inPieces(contentOf(10)), { expect: expected })).created).toBe(true);
  });

  it('keeps nothing of content whose reader gives up or whose source breaks', async () => {
    const { vault, bytes } = await alone();
    const controller = new AbortController();
    async function* stalled(): AsyncGenerator<Bytes> {
      yield contentOf(10);
      controller.abort(new Error('the client left'));
      await new Promise(() => undefined);
    }
    await expect(vault.service.put(stalled(), { signal: controller.signal })).rejects.toThrow('the client left');
    async function* broken(): AsyncGenerator<Bytes> {
      yield contentOf(5);
      throw new Error('cut');
    }
    await expect(vault.service.put(broken())).rejects.toThrow('cut');
    await expectNothing(bytes);
  });

  it('writes the entry after the bytes are durable, and takes them away when it cannot be written [U5]', async () => {
    const order: string[] = [];
    const { vault, store, bytes, guard, applied } = await alone({
      store: (_, inner) => ({
        ...inner,
        async begin() {
          const upload = await inner.begin();
          return {
            ...upload,
            async commit(hash, leaves) {
              await upload.commit(hash, leaves);
              order.push('bytes');
              store.hold();
            },
          };
        },
      }),
    });
    const putting = vault.service.put(inPieces(contentOf(10)));
    await fleet?.clock.advance(0);
    expect(order).toEqual(['bytes']);
    expect(await bytes.stat(hashOf(contentOf(10)))).toBeDefined();
    expect(applied).toEqual([]);
    store.open();
    expect((await putting).created).toBe(true);

    const refused = vault.service.put(
      (async function* () {
        yield contentOf(20);
        guard.set('disk', 'no room');
      })(),
    );
    await expect(refused).rejects.toMatchObject({ code: 'disk-full' });
    expect(await bytes.stat(hashOf(contentOf(20)))).toBeUndefined();
    await expect(vault.service.put(inPieces(contentOf(30)))).rejects.toMatchObject({ code: 'disk-full' });
  });

  it.each([
    [{ name: '../x' }, 'invalid-value', 'An object cannot have the name "../x".', 'a file name of at most 255 bytes'],
    [{ name: 'x'.repeat(256) }, 'invalid-value', `the name "${'x'.repeat(80)}".`, 'Leave the name out'],
    [{ type: 'no type' }, 'invalid-value', 'An object cannot have the media type "no type".', 'such as text/plain'],
    [{ expect: 'ABC' }, 'invalid-hash', 'The hash "ABC" does not name an object.', '64 hex digits in lower case'],
  ])('refuses %j before it reads anything, and says what to write', async (options, code, message, next) => {
    const { vault } = await alone();
    let read = false;
    async function* content(): AsyncGenerator<Bytes> {
      read = true;
      yield contentOf(1);
    }
    await expect(vault.service.put(content(), options)).rejects.toMatchObject({
      code,
      message: expect.stringContaining(message) as string,
      next: expect.stringContaining(next) as string,
    });
    expect(read).toBe(false);
  });
});

async function expectNothing(store: VaultStore): Promise<void> {
  for await (const chunk of store.list()) expect(chunk).toEqual([]);
}

describe('what is damaged', () => {
  it('is whole again once its content is put again [U5, U6]', async () => {
    let damage = true;
    const content = contentOf(20 * BLOCK);
    const { vault } = await alone({
      store: (_, inner) => ({
        ...damaging(inner, 3 * BLOCK + 7),
        read: (...asked) => (damage ? damaging(inner, 3 * BLOCK + 7) : inner).read(...asked),
        async begin() {
          const upload = await inner.begin();
          return {
            ...upload,
            async commit(hash, leaves) {
              if (vault.service.status().damaged.length > 0) damage = false;
              await upload.commit(hash, leaves);
            },
          };
        },
      }),
    });
    const { object } = await vault.service.put(inPieces(content));
    await expect(readAll((await vault.service.open(object.hash)).bytes)).rejects.toMatchObject({
      code: 'object-damaged',
    });
    expect((await vault.service.put(inPieces(content))).created).toBe(false);
    expect(vault.service.status().damaged).toEqual([]);
    expectBytes(await readAll((await vault.service.open(object.hash)).bytes), content);
  });
});

describe('what is read', () => {
  it('is verified block by block: a changed block is named, and nothing of it goes out [U6]', async () => {
    const content = contentOf(40 * BLOCK);
    const { vault, lines } = await alone({ store: (_, inner) => damaging(inner, 33 * BLOCK + 7) });
    const { object } = await vault.service.put(inPieces(content));
    const { bytes } = await vault.service.open(object.hash);
    const got: Bytes[] = [];
    await expect(
      (async () => {
        for await (const piece of bytes) got.push(piece);
      })(),
    ).rejects.toMatchObject({ code: 'object-damaged', message: expect.stringContaining('block 33') });
    const length = got.reduce((sum, piece) => sum + piece.length, 0);
    expect(length).toBeLessThanOrEqual(33 * BLOCK);
    expect(got.every((piece) => piece.length > 0)).toBe(true);
    // What is whole can still be read.
    expectBytes(
      await readAll((await vault.service.open(object.hash, { start: 0, end: BLOCK })).bytes),
      content.slice(0, BLOCK),
    );
    expect(vault.service.status().damaged).toMatchObject([{ hash: object.hash }]);
    expect(lines.some(({ message }) => message === 'object damaged')).toBe(true);
  });

  it.each([
    [-1, 4],
    [0.5, 4],
    [3, 2],
    [0, 11],
    [11, 11],
  ])('is refused from %d to %d of 10 bytes', async (start, end) => {
    const { vault } = await alone();
    const { object } = await vault.service.put(inPieces(contentOf(10)));
    await expect(vault.service.open(object.hash, { start, end })).rejects.toMatchObject({ code: 'invalid-range' });
  });

  it('has a reason where there is nothing to read', async () => {
    const { vault, bytes } = await alone();
    const hash = hashOf(contentOf(10));
    await expect(vault.service.open(hash)).rejects.toMatchObject({ code: 'object-not-found' });
    await expect(vault.service.open('x')).rejects.toMatchObject({ code: 'invalid-hash' });
    await vault.service.put(inPieces(contentOf(10)));
    await bytes.remove(hash);
    await expect(vault.service.open(hash)).rejects.toMatchObject({ code: 'object-missing' });
    expect(await vault.service.stat(hash)).toMatchObject({ here: 'missing', bytesHere: 0 });
    expect(vault.service.status().missing).toEqual({ objects: 1, bytes: 10 });
  });

  it('is checked whole by a verification, with leaf hashes and entry', async () => {
    let at: number | undefined;
    const { vault } = await alone({ store: (_, inner) => damaging(inner, () => at) });
    const { object } = await vault.service.put(inPieces(contentOf(3 * BLOCK)));
    await vault.service.put(inPieces(contentOf(5)));
    const all = async () => {
      const checked = [];
      for await (const one of vault.service.verify()) if ('hash' in one) checked.push(one);
      return checked;
    };
    expect((await all()).map(({ fault }) => fault)).toEqual([undefined, undefined]);
    at = BLOCK;
    const [found] = (await all()).filter(({ hash }) => hash === object.hash);
    expect(found?.fault).toContain('SHA-256');
  });

  it('that its disk does not give is a fault of that object, and the verification goes on [U6]', async () => {
    const [bad, shut, good] = [contentOf(3 * BLOCK), contentOf(7), contentOf(5)];
    const broken = new Map([
      [hashOf(bad), new LatticeError('object-damaged', 'block 1 cannot be read')],
      [hashOf(shut), new LatticeError('vault-store-failed', 'permission denied', { details: { reason: 'EACCES' } })],
    ]);
    let isBroken = false;
    const { vault } = await alone({
      store: (_, inner) => ({
        ...inner,
        async leaves(hash) {
          const error = broken.get(hash);
          if (isBroken && error !== undefined) throw error;
          return inner.leaves(hash);
        },
      }),
    });
    for (const content of [bad, shut, good]) await vault.service.put(inPieces(content));
    isBroken = true;
    const faults = new Map<string, string | undefined>();
    for await (const one of vault.service.verify()) if ('hash' in one) faults.set(one.hash, one.fault);
    expect(faults.get(hashOf(bad))).toContain('block 1 cannot be read');
    expect(faults.get(hashOf(shut))).toContain('permission denied');
    expect(faults.get(hashOf(good))).toBeUndefined();
    expect(faults.size).toBe(3);
    // Whether its bytes are whole is not known of what may not be read.
    expect(vault.service.status().damaged.map(({ hash }) => hash)).toEqual([hashOf(bad)]);
  });

  it('tells during a verification how far it is, and ends it when nobody listens [A34]', async () => {
    const mib = 2 ** 20;
    let pieces = 0;
    let left = false;
    const { vault } = await alone({
      store: (_, inner) => ({
        ...inner,
        async read(...given) {
          const found = await inner.read(...given);
          return found === undefined
            ? undefined
            : counted(
                found,
                () => pieces++,
                () => (left = true),
              );
        },
      }),
    });
    const { object } = await vault.service.put(inPieces(new Uint8Array(40 * mib).fill(7), mib));
    const lines = [];
    for await (const line of vault.service.verify(object.hash)) lines.push(line);
    const { hash, size } = object;
    expect(lines).toEqual([
      { reading: hash, size, read: 16 * mib },
      { reading: hash, size, read: 32 * mib },
      { hash, size, fault: undefined },
    ]);
    const whole = pieces;
    [pieces, left] = [0, false];
    for await (const line of vault.service.verify(object.hash)) {
      expect(line).toMatchObject({ read: 16 * mib });
      break;
    }
    expect(left).toBe(true);
    expect(pieces).toBeLessThan(whole / 2);
  });
});

async function* counted<T>(items: AsyncIterable<T>, onItem: () => void, onLeft: () => void): AsyncGenerator<T, void> {
  try {
    for await (const item of items) {
      onItem();
      yield item;
    }
  } finally {
    onLeft();
  }
}

/** A store that changes one byte of what it reads. */
function damaging(inner: VaultStore, where: number | (() => number | undefined)): VaultStore {
  return {
    ...inner,
    async read(hash, start, end) {
      const pieces = await inner.read(hash, start, end);
      const at = typeof where === 'number' ? where : where();
      if (pieces === undefined || at === undefined) return pieces;
      return (async function* () {
        let position = start;
        for await (const piece of pieces) {
          const out = piece.slice();
          if (at >= position && at < position + out.length) out[at - position] = (out[at - position] as number) ^ 1;
          position += out.length;
          yield out;
        }
      })();
    },
  };
}

describe('what the state names', () => {
  it('is listed in pages in the order of hashes, with what is here of it', async () => {
    const { vault } = await alone();
    const hashes: string[] = [];
    for (let i = 0; i < 7; i++) hashes.push((await vault.service.put(inPieces(contentOf(10 + i)))).object.hash);
    const first = await vault.service.list({ limit: 4 });
    const second = await vault.service.list({ limit: 4, cursor: first.cursor as string });
    expect([...first.items, ...second.items].map(({ hash }) => hash)).toEqual(hashes.sort());
    expect(second.cursor).toBeUndefined();
    await expect(vault.service.list({ limit: 0 })).rejects.toMatchObject({ code: 'invalid-limit' });
  });

  it('is under a prefix that no other write may use [U5]', async () => {
    const { writes, vault } = await alone();
    const { object } = await vault.service.put(inPieces(contentOf(10)));
    const key = vaultKey(object.hash);
    for (const operation of [
      { op: 'put', key: 'vault/anything', value: 1 },
      { op: 'put', key, value: 1 },
      { op: 'delete', key },
    ] as const)
      await expect(writes.write([{ op: 'put', key: 'free', value: 1 }, operation])).rejects.toMatchObject({
        code: 'reserved-key',
      });
    expect(await vault.service.stat(object.hash)).toBeDefined();
  });

  it('shows an entry in another form as odd, and never follows it [U14]', async () => {
    const node = await alone();
    const hash = hashOf(contentOf(9));
    for (const [key, value] of [
      [vaultKey(hash), { size: 9 }],
      ['vault/readme', 'x'],
    ] as const)
      await node.writes.writeReserved([{ op: 'put', key, value }]);
    expect(node.vault.service.status()).toMatchObject({ odd: 2, objects: 0, missing: { objects: 0 } });
    expect(await node.vault.service.stat(hash)).toBeUndefined();
    expect((await node.vault.service.list()).items).toEqual([]);
    expect((await readsOf(node).get('vault/readme'))?.value).toBe('x');
    await node.vault.service.remove(hash);
    expect(node.vault.service.status().odd).toBe(1);
  });

  it('is pinned and removed; what was removed is not found', async () => {
    const { vault } = await alone();
    const { object } = await vault.service.put(inPieces(contentOf(10)));
    expect((await vault.service.pin(object.hash, true)).pinned).toBe(true);
    expect((await vault.service.pin(object.hash, true)).pinned).toBe(true);
    await vault.service.remove(object.hash);
    for (const call of [
      () => vault.service.pin(object.hash, false),
      () => vault.service.remove(object.hash),
      () => vault.service.open(object.hash),
    ])
      await expect(call()).rejects.toMatchObject({ code: 'object-not-found' });
    expect(vault.service.status().objects).toBe(0);
    // The bytes are still here, so that the same content is put again without being stored again.
    expect((await vault.service.put(inPieces(contentOf(10)))).created).toBe(true);
  });

  it('is known again after a start, with what is here', async () => {
    const node = await alone();
    await node.vault.service.put(inPieces(contentOf(10)));
    await node.vault.service.put(inPieces(contentOf(20)));
    expect(node.vault.service.status()).toMatchObject({
      policy: 'all',
      store: 'memory',
      objects: 2,
      bytes: 30,
      here: { objects: 2, bytes: 30 },
      missing: { objects: 0, bytes: 0 },
      starting: false,
      fetching: [],
      damaged: [],
      odd: 0,
    });
  });
});
