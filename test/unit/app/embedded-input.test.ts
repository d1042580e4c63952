import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type StartedNode, startNode } from '../../../src/index.ts';

let directory: string;
let node: StartedNode;
const settings = () => ({ dataDir: join(directory, 'a'), vault: {} });
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'lattice-given-'));
  node = await startNode(settings());
  await node.lattice.write([{ op: 'put', key: 'a', value: 1 }]);
});
afterAll(async () => {
  await node.stop();
  rmSync(directory, { recursive: true, force: true });
});

/** What a program in JavaScript can give, whatever the types say. */
const write = (operations: unknown, options: unknown = {}) => node.lattice.write(operations as never, options as never);

describe('what a program gives a node that it embeds', () => {
  it.each<[string, unknown, string]>([
    ['no array', null, 'invalid-operation'],
    ['no operation', [null], 'invalid-operation'],
    ['another operation', [{ op: 'renew', key: 'a', value: 1 }], 'invalid-operation'],
    ['no op', [{ key: 'a', value: 1 }], 'invalid-operation'],
    ['a misspelt condition', [{ op: 'put', key: 'a', value: 1, ifMach: '*' }], 'invalid-operation'],
    ['a number as version', [{ op: 'put', key: 'a', value: 1, ifMatch: 5 }], 'invalid-operation'],
    ['null as version', [{ op: 'put', key: 'a', value: 1, ifNoneMatch: null }], 'invalid-operation'],
    ['numbers as versions', [{ op: 'put', key: 'a', value: 1, ifMatch: [5] }], 'invalid-operation'],
    ['a field that every object has', [{ op: 'put', key: 'a', value: 1, toString: 'x' }], 'invalid-operation'],
    [
      'holes as versions',
      [{ op: 'put', key: 'a', value: 1, ifMatch: Object.assign([], { length: 2e8 }) }],
      'invalid-operation',
    ],
    ['a bigint as end', [{ op: 'put', key: 'a', value: 1, expires: 5n }], 'invalid-operation'],
    ['a word as condition', [{ op: 'delete', key: 'a', mustExist: 'yes' }], 'invalid-operation'],
    ['a number as key', [{ op: 'put', key: 5, value: 1 }], 'invalid-key'],
    ['no key', [{ op: 'delete' }], 'invalid-key'],
    ['no value', [{ op: 'put', key: 'a' }], 'invalid-commit'],
    ['a value that is no JSON', [{ op: 'put', key: 'a', value: new Map() }], 'invalid-value'],
    ['an array without end', [{ op: 'put', key: 'a', value: Object.assign([], { length: 2e8 }) }], 'invalid-value'],
    [
      'more operations than a commit has',
      Array.from({ length: 257 }, (_, i) => ({ op: 'delete', key: `${i}` })),
      'commit-too-large',
    ],
  ])('is refused by itself where it is %s, and the node goes on [V2, V3]', async (_name, operations, code) => {
    const [bad, good] = await Promise.allSettled([write(operations), write([{ op: 'put', key: 'beside', value: 1 }])]);
    expect(bad).toMatchObject({ status: 'rejected', reason: { code } });
    expect(good.status).toBe('fulfilled');
  });

  it.each([[''], ['a b'], ['é'], ['x'.repeat(129)], [5], [null]])(
    '%j is no idempotency key',
    async (idempotencyKey) => {
      await expect(write([{ op: 'put', key: 'a', value: 1 }], { idempotencyKey })).rejects.toMatchObject({
        code: 'invalid-operation',
      });
    },
  );

  it('is what it was when it was given, whatever becomes of it then', async () => {
    const value: { a: number } = { a: 1 };
    const operations = [{ op: 'put', key: 'given', value }];
    const written = write(operations);
    value.a = 2;
    operations.push({ op: 'put', key: 'later', value });
    await written;
    expect((await node.lattice.get('given'))?.value).toEqual({ a: 1 });
    expect(await node.lattice.get('later')).toBeUndefined();

    const { proxy, revoke } = Proxy.revocable({ a: 3 }, {});
    const drafted = write([{ op: 'put', key: 'draft', value: proxy }]);
    revoke();
    await drafted;
    expect((await node.lattice.get('draft'))?.value).toEqual({ a: 3 });
  });

  it('is content in bytes, or nothing of it is kept', async () => {
    const vault = node.lattice.vault ?? expect.fail('it has no vault');
    for (const piece of [new ArrayBuffer(3), new Uint16Array([1, 2]), 'text', null, [1]]) {
      async function* content(): AsyncGenerator<Uint8Array> {
        yield new TextEncoder().encode('head');
        yield await Promise.resolve(piece as unknown as Uint8Array);
      }
      await expect(vault.put(content())).rejects.toMatchObject({ code: 'invalid-value' });
    }
    expect((await vault.list()).items).toEqual([]);
  });

  it('is a mode and a line of text', () => {
    for (const [mode, cause] of [
      ['bogus', 'x'],
      ['HTTP', 'x'],
      [null, 'x'],
      ['http', 'a\nb'],
      ['http', ''],
      ['http', 5],
    ])
      expect(() => node.lattice.setMode(mode as never, cause as never)).toThrow(
        expect.objectContaining({ code: 'invalid-request' }) as Error,
      );
    expect(node.lattice.status().mode).toBe('auto');
  });

  it('is a page that there is', async () => {
    const { lattice } = node;
    const author = '0'.repeat(64);
    for (const limit of [0, 1001, 1.5])
      for (const page of [
        lattice.list({ limit }),
        lattice.history('a', { limit }),
        lattice.conflicts({ limit }),
        lattice.displaced({ limit }),
        lattice.writtenBy(author, { limit }),
        lattice.vault?.list({ limit }),
      ])
        await expect(page).rejects.toMatchObject({ code: 'invalid-limit' });
  });

  it('is an invitation or a token that the next start can read [JN, TK1]', async () => {
    const { invitations, tokens } = node.lattice;
    const secretHash = 'ab'.repeat(32);
    for (const wish of [
      { ttlMs: 1000.5 },
      { ttlMs: '5000' },
      { name: 5 },
      { name: '\ud800' },
      { name: 'x'.repeat(65) },
      { role: 'king' },
      { role: undefined },
    ])
      await expect(
        invitations.add({ secretHash, name: 'four', role: 'writer', ttlMs: 60_000, ...wish } as never),
      ).rejects.toMatchObject({ code: 'invalid-change' });
    for (const wish of [
      { name: 5, right: 'read' },
      { name: 'a', right: 'write', prefix: [] },
      { name: 'a', right: 'write', prefix: 5 },
    ])
      await expect(tokens.create(wish as never)).rejects.toMatchObject({ code: 'invalid-token' });
    await invitations.add({ secretHash, name: 'four', role: 'writer', ttlMs: 60_000 });
    await tokens.create({ name: 'a', right: 'write', prefix: 'a/' });
    await node.stop();
    node = await startNode(settings());
    expect(node.lattice.invitations.list()).toMatchObject([{ name: 'four' }]);
    expect(node.lattice.tokens.list()).toMatchObject([{ name: 'a', prefix: 'a/' }]);
  });

  it('is a network that every node can name, and a logger whose failures concern nobody', async () => {
    await expect(startNode({ dataDir: join(directory, 'b'), network: '\udfff' })).rejects.toMatchObject({
      code: 'invalid-config',
    });
    const unhandled: unknown[] = [];
    const note = (reason: unknown): void => void unhandled.push(reason);
    process.on('unhandledRejection', note);
    const logger = (() => Promise.reject(new Error('no disk'))) as unknown as () => void;
    await using logging = await startNode({ dataDir: join(directory, 'c'), logger });
    await logging.lattice.write([{ op: 'put', key: 'a', value: 1 }]);
    process.off('unhandledRejection', note);
    expect(unhandled).toEqual([]);
  });
});
