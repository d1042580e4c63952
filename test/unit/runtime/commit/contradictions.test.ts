import { expect, it } from 'vitest';
import { bucketRange, decodeEvidence, encodeEvidence, evidenceKey } from '../../../../src/core/rows/index.ts';
import { checkEvidence, covers } from '../../../../src/core/state/index.ts';
import type { Bytes } from '../../../../src/core/types/index.ts';
import { decodeFragment, encodeFragment } from '../../../../src/core/wire/index.ts';
import {
  type ContradictionsDeps,
  createContradictions,
  type KeptEvidence,
} from '../../../../src/runtime/commit/contradictions.ts';
import { loadEvidence } from '../../../../src/runtime/commit/saved-evidence.ts';
import { createNode } from '../../../../src/runtime/index.ts';
import { fromBase64url } from '../../../../src/runtime/read/base64url.ts';
import {
  createAuthor,
  createHandClock,
  createRandom,
  EPOCH_MS,
  FOUND,
  type GatedStore,
  gateStore,
  hasher,
  type LogLine,
  metrics,
  NETWORK,
  log as noLog,
  openTestState,
  recordingLog,
  type TestState,
  turns,
  verifier,
  withBadSignature,
} from '../support.ts';

const liar = createAuthor(2);
const other = createAuthor(3);

type Book = ReturnType<typeof createContradictions>;

function createBook(deps: Partial<ContradictionsDeps> = {}): Book {
  return createContradictions({
    nameOf: (author) => author,
    hasher,
    network: NETWORK,
    isKnown: () => true,
    isTrusted: () => true,
    saved: [],
    keep: () => Promise.resolve(),
    log: noLog,
    ...deps,
  });
}

/** A state whose finds go to a book of evidence, which keeps them in the store of the state. */
async function openWithBook(
  deps: Partial<ContradictionsDeps> = {},
  store?: GatedStore,
): Promise<{ state: TestState; book: Book }> {
  let book: Book | undefined;
  const state = await openTestState({
    ...(store === undefined ? {} : { store }),
    onApplied: ({ step }) => book?.note(step.contradictions),
    onUnchanged: ({ step }) => book?.note(step.contradictions),
  });
  book = createBook({ keep: state.writer.keep, ...deps });
  return { state, book };
}

/** What `other` writes, the liar replaces and then leaves out, under the key with this number. */
function lieAbout(n: number, value: string | number = 2) {
  const key = `key/${n}`;
  const replaced = other.commit({ [key]: 1 }, { ms: EPOCH_MS });
  const context = [{ author: other.author, hlc: replaced.header.hlc }];
  const earlier = liar.commit({ [key]: value }, { ms: EPOCH_MS + 1_000 + n, context });
  const later = liar.commit({ [key]: 3 }, { ms: EPOCH_MS + 2_000 + n });
  return { key, replaced, earlier, later };
}

const load = (store: GatedStore): Promise<readonly KeptEvidence[]> =>
  loadEvidence({ store, hasher, verifier, network: NETWORK, isKnown: () => true, log: noLog });

async function rowsOf(store: GatedStore): Promise<Bytes[]> {
  const found: Bytes[] = [];
  for await (const rows of store.iterate(bucketRange('evidence'))) found.push(...rows.map(([, row]) => row));
  return found;
}

it('an author that contradicts itself is named, with both commits, bounded for each author [R10]', async () => {
  const lines: LogLine[] = [];
  const { state, book } = await openWithBook({ log: recordingLog(lines) });
  for (let n = 0; n < 6; n++) {
    const { replaced, earlier, later } = lieAbout(n);
    await state.writer.apply(replaced, FOUND);
    // In either order of arrival.
    for (const one of n % 2 === 0 ? [earlier, later] : [later, earlier]) await state.writer.apply(one, FOUND);
  }
  expect(book.warnings()).toEqual([
    { code: 'contradicting-commits', text: expect.stringContaining(liar.author) as string },
  ]);
  expect([book.all().map(({ evidence }) => evidence.author), lines.length]).toEqual([Array(4).fill(liar.author), 4]);
  for (const { evidence, fragments } of book.all()) {
    const { signatures, ...checked } = checkEvidence(fragments, { network: NETWORK, hasher, isTrusted: () => true });
    expect([checked, signatures.length]).toEqual([evidence, 2]);
  }
});

it('the same two commits are kept once, and all evidence together is bounded in bytes [R10, L2]', async () => {
  const { state, book } = await openWithBook();
  const { earlier, later } = lieAbout(0);
  for (const one of [earlier, later, earlier]) await state.writer.apply(one, FOUND);
  expect(book.all()).toHaveLength(1);
  const [pair] = book.all() as [KeptEvidence];
  const large = (author: string): KeptEvidence => ({
    evidence: { ...pair.evidence, author: author as typeof liar.author },
    fragments: [new Uint8Array(1_048_576), new Uint8Array(1_048_576)],
  });
  const full = createBook({ saved: ['a', 'b', 'c', 'd', 'e'].map(large) });
  expect(full.all()).toHaveLength(4);
});

it('an author that left the trust list is not warned about, and its evidence stays [R10]', async () => {
  const { state, book } = await openWithBook({ isTrusted: (author) => author !== liar.author });
  const { earlier, later } = lieAbout(0);
  for (const one of [earlier, later]) await state.writer.apply(one, FOUND);
  expect([book.all().length, book.warnings()]).toEqual([1, []]);
});

it('evidence outlives a restart, and is believed only with good signatures [R10]', async () => {
  const { state, book } = await openWithBook();
  const { earlier, later } = lieAbout(0);
  for (const one of [earlier, later]) await state.writer.apply(one, FOUND);
  await state.writer.drain();
  const [row] = (await rowsOf(state.store)) as [Bytes];
  const saved = await load(state.store);
  expect(saved).toEqual(book.all());
  expect(createBook({ saved }).warnings()).toEqual(book.warnings());

  const put = (pair: readonly [Bytes, Bytes]) =>
    state.store.batch([{ type: 'put', key: evidenceKey(liar.author), value: encodeEvidence([pair]) }]);
  const [[a, b]] = decodeEvidence(row) as [readonly [Bytes, Bytes]];
  await put([a, withBadSignature(later)]);
  expect(await load(state.store)).toEqual([]);
  await put([a, encodeFragment(earlier)]);
  expect(await load(state.store)).toEqual([]);
  await put([a, Uint8Array.of(1)]);
  expect(await load(state.store)).toEqual([]);
  await put([b, a]);
  expect(await load(state.store)).toHaveLength(1);
});

it('what was found while the store was busy is kept with the next find [R10]', async () => {
  const store = gateStore();
  let refusals = 1;
  const { state, book } = await openWithBook(
    {
      async keep(make) {
        if (refusals-- > 0) throw new Error('busy');
        await state.writer.keep(make);
      },
    },
    store,
  );
  for (const n of [0, 1]) {
    const { earlier, later } = lieAbout(n);
    for (const one of [earlier, later]) await state.writer.apply(one, FOUND);
    await turns(2);
    if (n === 0) expect(await load(store)).toEqual([]);
  }
  await state.writer.drain();
  expect(await load(store)).toEqual(book.all());
  expect(book.all()).toHaveLength(2);
});

it('a node that starts again still names the author, gives out the commits, and covers what was left out [R5, R10]', async () => {
  const { state } = await openWithBook();
  const { key, replaced, earlier, later } = lieAbout(0);
  for (const one of [earlier, later]) await state.writer.apply(one, FOUND);
  await state.writer.drain();
  const clock = createHandClock(EPOCH_MS + 10_000);
  const node = await createNode(
    {
      name: 'n1',
      role: 'test',
      version: '1.0.0',
      network: NETWORK,
      trusted: [state.self.author, liar.author, other.author],
      bootstrap: [],
      urls: [],
      heartbeatMs: 1_000,
      graceMs: 3_000,
      pollMs: 10_000,
      directory: 'memory',
      violations: [],
      warnings: [],
      p2p: { topic: 'test', bootstrap: [] },
    },
    {
      store: state.store,
      hasher,
      signer: state.self,
      verifier,
      clock,
      random: createRandom(),
      log: noLog,
      metrics,
      http: {
        identify: () => Promise.reject(new Error('no network')),
        request: () => Promise.reject(new Error('no network')),
        stream: () => Promise.reject(new Error('no network')),
      },
      peerIdOf: (author) => author,
      onFatal: () => undefined,
    },
  );
  expect(node.lattice.status().warnings.map(({ code }) => code)).toContain('contradicting-commits');
  const [found] = node.lattice.evidence();
  expect(found).toMatchObject({ author: liar.author, kind: 'forgotten', network: NETWORK });
  const fragments = found?.statements.map((text) => decodeFragment(fromBase64url(text), hasher).id);
  expect(fragments?.toSorted()).toEqual([earlier.id, later.id].toSorted());

  node.start();
  const writing = node.lattice.write([{ op: 'put', key, value: 'own' }]);
  for (let t = 0; t < 60; t++) await clock.advance(1_000);
  await writing;
  const proof = await node.lattice.prove(key);
  const [written] = proof.fragments.map((text) => decodeFragment(fromBase64url(text), hasher));
  const context = written?.operations[0]?.operation.context ?? [];
  expect(covers(context, other.author, replaced.header.hlc)).toBe(true);
  await node.stop();
});
