import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  type Author,
  type Bytes,
  compareBytes,
  LatticeError,
  MAX_SYNC_BYTES,
} from '../../../../src/core/types/index.ts';
import {
  decodeSync,
  encodeFragment,
  encodeGossip,
  encodeRequest,
  encodeSync,
  type SyncMessage,
} from '../../../../src/core/wire/index.ts';
import { createSyncService } from '../../../../src/runtime/exchange/sync-service.ts';
import { cursorToKey, keyToCursor, pageSize } from '../../../../src/runtime/read/cursor.ts';
import { createAuthor, createHandClock, createRandom, hasher, put, verifier } from '../support.ts';
import { openSide, type Side } from './support.ts';

const friend = createAuthor(2);
let side: Side;

beforeAll(async () => {
  side = await openSide({ id: 1, clock: createHandClock(), trusted: [friend.author] });
  for (let i = 0; i < 40; i++) await side.writer.write(put(`k${i}`, i));
});

const bytesOf = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const prefixes = fc.tuple(fc.nat(63), bytesOf(32)).map(([nibbles, hash]) => {
  const prefix = hash.slice(0, Math.ceil(nibbles / 2));
  if (nibbles % 2 === 1) prefix[prefix.length - 1] = (prefix.at(-1) as number) & 0xf0;
  return { prefix, bits: 4 * nibbles };
});
const queries = fc.tuple(prefixes, fc.nat(0xffff)).map(([under, bitmap]) => ({
  ...under,
  bitmap,
  digests: new Uint8Array(16 * bitmap.toString(2).replaceAll('0', '').length).fill(3),
}));
const hashes = (width: number) =>
  fc
    .uniqueArray(bytesOf(width), { minLength: 1, maxLength: 40, selector: (hash) => hash.join() })
    .map((many) => many.sort(compareBytes));
const none = fc.constant(new Uint8Array(0));
const root = (): Bytes => side.replica.tree.root();
const roots = fc.oneof(none, bytesOf(32), fc.constant(undefined).map(root));
const samples = (): Bytes[] => [
  encodeFragment(friend.commit({ sample: 1, other: 2 })),
  encodeFragment(createAuthor(9).commit({ sample: 1 })),
];
/** Bytes that are nearly something: a sample with bytes changed, cut or doubled. */
const nearly = (of: () => readonly Bytes[]): fc.Arbitrary<Bytes> =>
  fc
    .tuple(fc.nat(), fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 }), fc.option(fc.nat()))
    .map(([which, changes, cut]) => {
      const all = of();
      const bytes = (all[which % all.length] as Bytes).slice();
      for (const [at, to] of changes) bytes[at % bytes.length] = to;
      return cut === null ? bytes : bytes.slice(0, 1 + (cut % bytes.length));
    });
const fragments = fc.array(fc.oneof(fc.uint8Array({ minLength: 1, maxLength: 60 }), nearly(samples)), {
  minLength: 1,
  maxLength: 8,
});
const requests: fc.Arbitrary<SyncMessage> = fc.oneof(
  fc.array(queries, { minLength: 1, maxLength: 20 }).map((all) => ({ type: 'digests' as const, queries: all })),
  fc.oneof(hashes(32), hashes(8)).map((keyHashes) => ({ type: 'want' as const, keyHashes })),
  fc.tuple(fc.boolean(), fragments).map(([live, all]) => ({ type: 'push' as const, live, fragments: all })),
  fc.record({
    type: fc.constant('cells' as const),
    root: roots,
    mine: roots,
    salt: fc.oneof(none, bytesOf(8)),
    from: fc.nat(98_304),
    count: fc.integer({ min: 1, max: 32_768 }),
  }),
  roots.map((of) => ({ type: 'snapshot' as const, root: of })),
  fc.record({
    type: fc.constant('chunk' as const),
    root: bytesOf(32),
    index: fc.nat(16_383),
    after: fc.oneof(none, bytesOf(32)),
  }),
  fc
    .array(fc.uint8Array({ minLength: 1, maxLength: 200 }), { maxLength: 5 })
    .map((attestations) => ({ type: 'attest' as const, attestations })),
  fc.constant(undefined).map(() => side.own.hello(friend.author)),
  fc.constant({ type: 'pushed' as const, verdicts: [] }),
);

/** Resolves to what became of it: any other error than a LatticeError is a fault of ours. */
async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return 'resolved';
  } catch (error) {
    if (error instanceof LatticeError) return error.code;
    throw error;
  }
}

describe('whatever a member asks', () => {
  it('is answered by a message that can be read, and ends nothing (property) [S1, S7, B6]', async () => {
    const messages = fc.oneof(
      requests.map(encodeSync),
      nearly(() => [encodeSync({ type: 'want', keyHashes: [root()] }), encodeSync(side.own.hello(friend.author))]),
      fc.uint8Array({ maxLength: 200 }),
    );
    await fc.assert(
      fc.asyncProperty(messages, fc.constantFrom('p2p' as const, 'http' as const), async (message, lung) => {
        const answer = await side.responder.answer(friend.author, message, lung);
        expect(answer.length).toBeLessThanOrEqual(MAX_SYNC_BYTES);
        decodeSync(answer);
      }),
      { numRuns: 150 },
    );
    expect(side.fatal).toEqual([]);
  });

  it('and whatever is gossiped has a verdict (property) [G3, B6]', async () => {
    const gossip = fc.oneof(
      fragments.map((all) => encodeGossip({ type: 'commits', fragments: all })),
      nearly(() => [
        encodeGossip({ type: 'head', head: friend.head() }),
        encodeGossip({ type: 'commits', fragments: samples() }),
      ]),
      fc.uint8Array({ maxLength: 200 }),
    );
    await fc.assert(
      fc.asyncProperty(gossip, fc.option(fc.constant(friend.author), { nil: undefined }), async (data, from) => {
        expect(['accept', 'ignore', 'reject', 'unchanged']).toContain(await side.intake.onGossip(data, from));
      }),
      { numRuns: 150 },
    );
    expect(side.fatal).toEqual([]);
  });
});

describe('whatever comes to the HTTP lung', () => {
  it('is served or refused by a code (property) [X3, X5, X7]', async () => {
    const service = createSyncService({
      signer: side.self,
      verifier,
      hasher,
      random: createRandom(),
      clock: side.clock,
      incarnation: new Uint8Array(8),
      isAllowed: (author: Author) => author === friend.author,
      isLeftOut: () => false,
      onStranger: () => undefined,
      handle: (peer, message) => side.responder.answer(peer, message, 'http'),
      openStream: async () => ({ close: () => undefined }),
    });
    const request = (): Bytes =>
      encodeRequest({
        sessionNonce: new Uint8Array(16),
        counter: 1,
        author: friend.author,
        signature: new Uint8Array(64),
        message: encodeSync({ type: 'snapshot', root: new Uint8Array(0) }),
      });
    const envelopes = fc.oneof(
      nearly(() => [request()]),
      fc.uint8Array({ maxLength: 300 }),
    );
    const codes = new Set<string>();
    await fc.assert(
      fc.asyncProperty(envelopes, async (envelope) => {
        codes.add(await codeOf(service.handle(envelope)));
        codes.add(await codeOf(service.admit(envelope)));
        codes.add(
          await codeOf(
            service.open(
              envelope,
              () => true,
              () => undefined,
            ),
          ),
        );
      }),
      { numRuns: 150 },
    );
    expect(codes.has('malformed')).toBe(true);
    expect(codes.has('resolved')).toBe(false);
  });
});

describe('cursors and page sizes of clients', () => {
  it('are what they name, or refused by a code (property) [A4]', () => {
    const code = (run: () => unknown): string => {
      try {
        run();
        return 'ok';
      } catch (error) {
        if (error instanceof LatticeError) return error.code;
        throw error;
      }
    };
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.base64String()), (text) => {
        expect(['ok', 'invalid-cursor']).toContain(code(() => cursorToKey(text)));
      }),
    );
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 }), (key) => {
        expect(cursorToKey(keyToCursor(key))).toBe(key);
      }),
    );
    fc.assert(
      fc.property(fc.oneof(fc.double(), fc.integer()), (limit) => {
        expect(['ok', 'invalid-limit']).toContain(code(() => pageSize(limit, 100, 1000)));
      }),
    );
  });
});
