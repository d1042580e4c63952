import { expect, it } from 'vitest';
import { decodeNotice, encodeNotice, type Notice } from '../../../../src/core/roster/index.ts';
import type { Author, Bytes } from '../../../../src/core/types/index.ts';
import { createSignedAttestation, encodeFragment } from '../../../../src/core/wire/index.ts';
import { createContradictions } from '../../../../src/runtime/commit/contradictions.ts';
import { createSignedTwice } from '../../../../src/runtime/commit/signed-twice.ts';
import { createToldEvidence } from '../../../../src/runtime/commit/told-evidence.ts';
import { createAuthor, EPOCH_MS, gateStore, hasher, log, NETWORK, verifier } from '../support.ts';

type EvidenceNotice = Extract<Notice, { kind: 'evidence' }>;
const liar = createAuthor(2);

function open(isMember: (author: Author) => boolean = () => true) {
  const store = gateStore();
  const keep = (make: () => Parameters<typeof store.batch>[0]) => store.batch([...make()]);
  const deps = { network: NETWORK, hasher, keep: keep as never, nameOf: (author: Author) => author, log };
  const signedTwice = createSignedTwice({ ...deps, saved: [], onFound: () => undefined });
  const contradictions = createContradictions({ ...deps, saved: [], isKnown: () => true, isTrusted: () => true });
  const told = createToldEvidence({
    network: NETWORK,
    hasher,
    verifier,
    signedTwice,
    contradictions,
    everStood: isMember,
  });
  return { told, signedTwice, contradictions };
}

function roots(sign = liar.sign): readonly [Bytes, Bytes] {
  const claim = { network: NETWORK, author: liar.author, at: EPOCH_MS, entries: 1, trustHash: new Uint8Array(32) };
  const [a, b] = [1, 2].map((n) => createSignedAttestation({ ...claim, root: new Uint8Array(32).fill(n) }, sign).bytes);
  return [a as Bytes, b as Bytes];
}
const commits = (): readonly [Bytes, Bytes] => {
  const [a, b] = [1, 2].map((n) => encodeFragment(createAuthor(2).commit({ k: n })));
  return [a as Bytes, b as Bytes];
};
/** As it comes over the wire. */
const sent = (shows: EvidenceNotice['shows'], statements: readonly [Bytes, Bytes]): EvidenceNotice =>
  decodeNotice(encodeNotice({ kind: 'evidence', shows, statements })) as EvidenceNotice;

it('what one member keeps is kept by the next one as well, once, in whatever order it was met [EV5]', async () => {
  const [first, second] = [open(), open()];
  first.signedTwice.note({ kind: 'two-roots', statements: roots() });
  first.contradictions.noteTold(commits());
  expect(first.told.all().map(({ shows }) => shows)).toEqual(['two-roots', 'two-commits']);
  for (const notice of first.told.all()) {
    const [a, b] = notice.statements;
    expect(await second.told.take(sent(notice.shows, [a, b]))).toBe(true);
    expect(await second.told.take(sent(notice.shows, [b, a]))).toBe(true);
  }
  expect([second.signedTwice.all().length, second.contradictions.all().length]).toEqual([1, 1]);
  expect(second.told.all()).toEqual(first.told.all());
});

it('a forged statement, or two that contradict each other in nothing, are refused [EV5]', async () => {
  const { told, signedTwice, contradictions } = open();
  const [a] = roots();
  const forged = roots(createAuthor(3).sign);
  expect(await told.take(sent('two-roots', forged))).toBe(false);
  expect(await told.take(sent('two-roots', [a, a]))).toBe(false);
  expect(await told.take(sent('two-votes', roots()))).toBe(false);
  expect([signedTwice.all(), contradictions.all()]).toEqual([[], []]);
});

it('nothing is kept of who never was a member, nor of what another trust list explains [EV5]', async () => {
  const { told, signedTwice, contradictions } = open(() => false);
  expect(await told.take(sent('two-roots', roots()))).toBe(true);
  expect(await open().told.take(sent('forgotten', commits()))).toBe(true);
  expect([signedTwice.all(), contradictions.all(), told.all()]).toEqual([[], [], []]);
});
