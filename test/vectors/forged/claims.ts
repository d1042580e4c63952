import type { JsonValue } from '../../../src/core/types/index.ts';
import { encodeFragment, siblingsToFragments } from '../../../src/core/wire/index.ts';
import type { Forged } from './corpus.ts';
import {
  ABSENT,
  type Anchor,
  alice,
  asked,
  base64url,
  bob,
  CONFLICT,
  commit,
  DELETED,
  type Document,
  del,
  ENDED,
  ENDING,
  FIVE,
  HALF,
  HIDING,
  hasher,
  hlcAt,
  json,
  PRESENT,
  prove,
  put,
  RICH,
  RICH_TEXT,
  rootOf,
  SIBLINGS,
  stateOf,
  T,
  TRUE,
  withoutValue,
} from './world.ts';

const ANCHORS: readonly Anchor[] = ['head', 'cut'];

/** The document says something else than what was signed. */
export function claimFlaws(): Forged[] {
  const flaw = (
    name: string,
    rule: string,
    fails: Forged['fails'],
    document: Document,
    change: object = {},
  ): Forged => ({
    name,
    rule,
    fails,
    asked: asked(document),
    text: json({ ...document, ...change }),
  });
  const withValue = (name: string, key: string, value: JsonValue, anchor: Anchor = 'head'): Forged =>
    flaw(`the value: ${name}, at the ${anchor}`, 'P6', 'value', prove(key, anchor), { value });
  const rich = RICH as { readonly [name: string]: JsonValue };
  const turned = (name: string, fails: Forged['fails'], document: Document, change: object): Forged => ({
    name,
    rule: 'P6',
    fails,
    asked: asked(document),
    text: json({ ...withoutValue(document), ...change }),
  });
  const ended = (name: string, fails: Forged['fails'], document: Document, value: JsonValue): Forged => ({
    name,
    rule: 'P6',
    fails,
    asked: asked(document),
    text: json({ ...document, kind: 'present', value }),
  });
  const twice = prove(CONFLICT, 'head');
  const [first = '', second = '', third = ''] = twice.fragments;
  const twoOfOne = [
    ...commit(alice, [put(CONFLICT, 1)], { ms: T - 9_000 }),
    ...commit(alice, [put(CONFLICT, 2)], { ms: T - 8_000 }),
  ];
  const superseded = [
    ...commit(alice, [put(CONFLICT, 1)], { ms: T - 9_000 }),
    ...commit(bob, [put(CONFLICT, 2, [{ author: alice.author, hlc: hlcAt(T - 9_000) }])], { ms: T - 8_000 }),
  ];
  const late = stateOf(commit(alice, [put(FIVE, 5)], { ms: T + 1 }));
  const conflictLate = stateOf([
    ...commit(alice, [put(CONFLICT, 1)], { ms: T - 1 }),
    ...commit(bob, [put(CONFLICT, 2)], { ms: T + 1 }),
  ]);
  return [
    withValue('another number', FIVE, 6),
    withValue('another number', FIVE, 6, 'cut'),
    withValue('a text of the number', FIVE, '5'),
    withValue('true for a number', FIVE, true),
    withValue('a number for true', TRUE, 1),
    withValue('a fraction more', FIVE, 5.5),
    withValue('null', FIVE, null),
    withValue('a list around it', FIVE, [5]),
    withValue('false for true', TRUE, false),
    withValue('a name less', PRESENT, { text: rich['text'] ?? null, numbers: rich['numbers'] ?? null }),
    withValue('a name more', PRESENT, { ...rich, more: null }, 'cut'),
    withValue('an object for a list', PRESENT, { ...rich, nothing: {} }),
    withValue('an item less', PRESENT, { ...rich, numbers: [0, -1] }),
    withValue('a text in another normal form', PRESENT, { ...rich, text: RICH_TEXT.normalize('NFD') }),
    ...ANCHORS.flatMap((anchor) => [
      turned(`presence called deletion, at the ${anchor}`, 'value', prove(FIVE, anchor), { kind: 'deleted' }),
      turned(`presence called absence, at the ${anchor}`, 'path', prove(FIVE, anchor), {
        kind: 'absent',
        fragments: [],
      }),
      turned(`deletion called absence, at the ${anchor}`, 'path', prove(DELETED, anchor), {
        kind: 'absent',
        fragments: [],
      }),
      turned(`absence called deletion, at the ${anchor}`, 'path', prove(ABSENT, anchor), {
        kind: 'deleted',
        fragments: prove(DELETED, anchor).fragments,
      }),
      flaw(`deletion called presence, at the ${anchor}`, 'P6', 'value', prove(DELETED, anchor), {
        kind: 'present',
        value: null,
      }),
      flaw(`absence called presence, at the ${anchor}`, 'P6', 'path', prove(ABSENT, anchor), {
        kind: 'present',
        value: 5,
        fragments: prove(FIVE, anchor).fragments,
      }),
      flaw(`another root than the signed one, at the ${anchor}`, 'P6', 'signature', prove(FIVE, anchor), {
        root: '11'.repeat(32),
      }),
      flaw(
        `a tombstone that loses called the winner, at the ${anchor}`,
        'P6',
        'value',
        withoutValue(prove(CONFLICT, anchor)),
        { kind: 'deleted' },
      ),
      flaw(`the value of another sibling, at the ${anchor}`, 'P6', 'value', prove(CONFLICT, anchor), {
        value: 'of one',
      }),
    ]),
    turned('a value that has ended called deletion', 'value', prove(ENDED, 'head'), { kind: 'deleted' }),
    turned('a deletion called a value that has ended', 'value', prove(DELETED, 'cut'), { kind: 'expired' }),
    turned('absence called a value that has ended', 'path', prove(ABSENT, 'head'), {
      kind: 'expired',
      fragments: prove(ENDED, 'head').fragments,
    }),
    turned('a value that has ended called absence', 'path', prove(ENDED, 'cut'), { kind: 'absent', fragments: [] }),
    turned('a value without an end called ended', 'value', prove(FIVE, 'head'), { kind: 'expired' }),
    turned('a value that ends after the cut called ended', 'value', prove(ENDING, 'cut'), { kind: 'expired' }),
    ended('a value that has ended called present', 'value', prove(ENDED, 'head'), 'over'),
    ended('a value that ended at the very time of the cut called present', 'value', prove(ENDED, 'cut'), 'over'),
    ended('a value that ended before the head called present', 'value', prove(ENDING, 'head'), 'soon'),
    ended('the value that an ended one hides called present', 'value', prove(HIDING, 'cut'), 'hidden'),
    flaw('a value that has ended shown beside its kind', 'P5', 'form', prove(ENDED, 'cut'), { value: 'over' }),
    flaw('only the value that an ended one hides', 'P6', 'commits', withoutValue(prove(HIDING, 'head')), {
      kind: 'present',
      value: 'hidden',
      fragments: prove(HIDING, 'head').fragments.slice(1),
    }),
    flaw('the network of the head', 'P6', 'signature', prove(FIVE, 'head', { head: { network: 'elsewhere' } })),
    flaw('the network of the certificate', 'Z8', 'signature', prove(FIVE, 'cut', { claim: { network: 'elsewhere' } })),
    flaw('the root of the head', 'P6', 'path', prove(FIVE, 'head', { head: { root: rootOf(late) } }), {
      root: Buffer.from(rootOf(late)).toString('hex'),
    }),
    flaw('the root of the certificate', 'Z8', 'path', prove(FIVE, 'cut', { claim: { root: rootOf(late) } }), {
      root: Buffer.from(rootOf(late)).toString('hex'),
    }),
    flaw('a hidden sibling', 'P6', 'commits', twice, { fragments: [first, third] }),
    flaw('only the winner of three siblings', 'P6', 'commits', twice, { fragments: [first] }),
    flaw('a sibling twice', 'P6', 'commits', twice, { fragments: [first, second, third, third] }),
    flaw('a sibling in place of another', 'P6', 'commits', twice, { fragments: [first, second, second] }),
    flaw('siblings in another order', 'P5', 'commits', twice, { fragments: [first, third, second] }),
    flaw('a loser before the winner', 'P5', 'commits', twice, { fragments: [second, first, third], value: 'of one' }),
    flaw('a commit of the key that is not in the tree', 'P6', 'commits', prove(FIVE, 'head'), {
      fragments: prove(FIVE, 'head', { state: stateOf(commit(bob, [put(FIVE, 5)])) }).fragments,
    }),
    flaw('a commit about another key', 'P6', 'commits', prove(FIVE, 'head'), {
      fragments: prove(HALF, 'head').fragments,
    }),
    flaw('a commit about another key, at the cut', 'P6', 'commits', prove(DELETED, 'cut'), {
      fragments: prove(PRESENT, 'cut').fragments,
    }),
    flaw('a fragment with an operation more', 'P6', 'commits', prove(FIVE, 'head'), { fragments: [twoOperations()] }),
    flaw(
      'a commit of another network',
      'P6',
      'commits',
      prove(FIVE, 'head', { state: stateOf(commit(alice, [put(FIVE, 5)], { network: 'elsewhere' })) }),
    ),
    flaw('two siblings of one author', 'R3', 'commits', prove(CONFLICT, 'head', { state: stateOf(twoOfOne) })),
    flaw(
      'two siblings of one author, at the cut',
      'R3',
      'commits',
      prove(CONFLICT, 'cut', { state: stateOf(twoOfOne) }),
    ),
    flaw(
      'a sibling that another one supersedes',
      'R3',
      'commits',
      prove(CONFLICT, 'head', { state: stateOf(superseded) }),
    ),
    flaw(
      'a sibling that another one supersedes, at the cut',
      'R3',
      'commits',
      prove(CONFLICT, 'cut', { state: stateOf(superseded) }),
    ),
    flaw('a commit later than the cut', 'Z8', 'commits', prove(FIVE, 'cut', { state: late })),
    flaw('one of two commits later than the cut', 'Z8', 'commits', prove(CONFLICT, 'cut', { state: conflictLate })),
    flaw(
      'a deletion later than the cut',
      'Z8',
      'commits',
      prove(DELETED, 'cut', { state: stateOf(commit(bob, [del(DELETED)], { ms: T + 60_000 })) }),
    ),
  ];
}

/** The fragment of the only commit of FIVE with another operation of the same commit. */
function twoOperations(): string {
  const five = SIBLINGS.find(({ operation }) => operation.key === FIVE);
  const half = SIBLINGS.find(({ operation }) => operation.key === HALF);
  if (five === undefined || half === undefined) throw new Error('there is no such sibling');
  const [both] = siblingsToFragments([five, half], hasher);
  if (both === undefined) throw new Error('there is no fragment');
  return base64url(encodeFragment(both));
}
