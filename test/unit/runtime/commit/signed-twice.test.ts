import { expect, it } from 'vitest';
import { type Acceptance, type Signed, signStatement } from '../../../../src/core/roster/index.ts';
import { encodeSignedTwice, SIGNED_TWICE } from '../../../../src/core/rows/index.ts';
import { createSignedAttestation } from '../../../../src/core/wire/index.ts';
import {
  createSignedTwice,
  type KeptPair,
  loadSignedTwice,
  type SignedTwice,
} from '../../../../src/runtime/commit/signed-twice.ts';
import {
  createAuthor,
  EPOCH_MS,
  type GatedStore,
  gateStore,
  hasher,
  log,
  NETWORK,
  turns,
  verifier,
} from '../support.ts';

const filled = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);
const liar = createAuthor(2);

function book(store: GatedStore, saved: readonly KeptPair[] = []): SignedTwice & { readonly found: KeptPair[] } {
  const found: KeptPair[] = [];
  const made = createSignedTwice({
    network: NETWORK,
    hasher,
    saved,
    keep: (make) => store.batch([...make()]),
    nameOf: (author) => author,
    log,
    onFound: (one) => found.push(one),
  });
  return { ...made, found };
}

const load = (store: GatedStore) => loadSignedTwice({ store, hasher, verifier, network: NETWORK, log });

function rootsOf(id: number, n = 1): readonly [Uint8Array, Uint8Array] {
  const { author, sign } = createAuthor(id);
  const claim = { network: NETWORK, author, at: EPOCH_MS + n * 10_000, entries: 1, trustHash: filled(9) };
  const [a, b] = [1, 2].map((root) => createSignedAttestation({ ...claim, root: filled(root) }, sign).bytes);
  return [a as Uint8Array, b as Uint8Array];
}

function vote(counter: number, roster: number): Signed<Acceptance> {
  const ballot = { counter, author: createAuthor(1).author };
  const id = { network: NETWORK, epoch: 1, previous: filled(7), author: liar.author };
  return signStatement({ kind: 'acceptance', ...id, ballot, roster: filled(roster), attested: 0 }, liar.sign);
}

it('two votes in one ballot are kept, and named by a warning; those of different ballots are honest [EV2, EV4]', () => {
  const kept = book(gateStore());
  for (const [counter, roster] of [
    [1, 1],
    [2, 2],
    [1, 1],
  ] as const)
    kept.noteVote(vote(counter, roster));
  expect([kept.all(), kept.warnings()]).toEqual([[], []]);
  kept.noteVote(vote(2, 3));
  kept.noteVote(vote(2, 3));
  expect(kept.found.map(({ kind, author }) => [kind, author])).toEqual([['two-votes', liar.author]]);
  expect(kept.warnings().map(({ code }) => code)).toEqual(['two-votes']);
});

it('what was found outlives a restart, and is believed only with good signatures [EV4]', async () => {
  const store = gateStore();
  const kept = book(store);
  kept.note({ kind: 'two-roots', statements: rootsOf(2) });
  await turns(4);
  const saved = await load(store);
  expect(saved).toEqual(kept.all());
  expect(book(store, saved).warnings()).toEqual(kept.warnings());
  const [a, b] = rootsOf(2);
  const bad = b.map((byte, i) => (i === b.length - 1 ? byte ^ 1 : byte));
  for (const statements of [
    [a, bad],
    [a, a],
    [a, Uint8Array.of(1)],
  ] as const) {
    await store.batch([
      { type: 'put', key: SIGNED_TWICE, value: encodeSignedTwice([{ kind: 'two-roots', statements }]) },
    ]);
    expect(await load(store)).toEqual([]);
  }
});

it('of each author four pairs are kept, and of sixty-four authors [EV4, L2]', () => {
  const kept = book(gateStore());
  for (let n = 1; n <= 6; n++) kept.note({ kind: 'two-roots', statements: rootsOf(2, n) });
  kept.note({ kind: 'two-roots', statements: rootsOf(2, 1) });
  expect(kept.all()).toHaveLength(4);
  for (let id = 3; id <= 70; id++) kept.note({ kind: 'two-roots', statements: rootsOf(id) });
  expect(kept.all()).toHaveLength(4 + 63);
  expect(kept.warnings()).toHaveLength(64);
});
