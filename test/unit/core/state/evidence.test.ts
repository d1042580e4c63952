import { describe, expect, it } from 'vitest';
import { createSigner, nodeHasher } from '../../../../src/adapters/system/index.ts';
import { type Contradiction, checkEvidence, contradictionOf } from '../../../../src/core/state/index.ts';
import {
  type Author,
  type Bytes,
  type Context,
  type Fragment,
  type Hlc,
  LatticeError,
} from '../../../../src/core/types/index.ts';
import { createCommit, encodeFragment, fragmentToSiblings, pickOperations } from '../../../../src/core/wire/index.ts';

const hasher = nodeHasher();
const NETWORK = 'test/evidence';
const [a, b, c] = [1, 2, 3].map((id) => createSigner(new Uint8Array(32).fill(id))) as [
  ReturnType<typeof createSigner>,
  ReturnType<typeof createSigner>,
  ReturnType<typeof createSigner>,
];
const trusted = new Set<Author>([a.author, b.author, c.author]);
const isTrusted = (author: Author): boolean => trusted.has(author);

const contextOf = (...dots: readonly (readonly [Author, number])[]): Context =>
  dots.map(([author, n]) => ({ author, hlc: BigInt(n) as Hlc })).sort((x, y) => (x.author < y.author ? -1 : 1));

function commit(
  n: number,
  context: Context,
  { by = a, keys = ['key'], value = n }: { by?: typeof a; keys?: readonly string[]; value?: number } = {},
): Fragment {
  const operations = keys.map((key) => ({ kind: 'put' as const, key, value, context }));
  return createCommit({ network: NETWORK, author: by.author, hlc: BigInt(n) as Hlc, operations }, hasher, by.sign);
}

/** What both show, which does not depend on their order. */
function between(one: Fragment, other: Fragment): Contradiction | undefined {
  const [x] = fragmentToSiblings(one, hasher);
  const [y] = fragmentToSiblings(other, hasher);
  if (x === undefined || y === undefined) throw new Error('no operation');
  const kind = contradictionOf(x, y, isTrusted);
  expect(contradictionOf(y, x, isTrusted)).toBe(kind);
  return kind;
}

describe('two commits of one author', () => {
  it('contradict each other when they have one time [R10]', () => {
    expect(between(commit(5, []), commit(5, [], { value: 6 }))).toBe('same-time');
    expect(between(commit(5, []), commit(5, []))).toBeUndefined();
    expect(between(commit(5, []), commit(5, [], { by: b }))).toBeUndefined();
  });

  it('contradict each other when the later forgets what the earlier had replaced, and nothing can have come between [R10]', () => {
    const earlier = commit(5, contextOf([b.author, 3]));
    expect(between(earlier, commit(7, []))).toBe('forgotten');
    expect(between(earlier, commit(7, contextOf([b.author, 2])))).toBe('forgotten');
    expect(between(earlier, commit(7, contextOf([c.author, 4])))).toBe('forgotten');
    expect(between(earlier, commit(7, contextOf([b.author, 3])))).toBeUndefined();
    // It names what is later than the earlier one: that may have replaced it, and have been the one that forgot.
    expect(between(earlier, commit(7, contextOf([c.author, 6])))).toBeUndefined();
  });

  it('contradict each other in nothing that only an author outside the trust list could tell [R10]', () => {
    const stranger = createSigner(new Uint8Array(32).fill(9)).author;
    expect(between(commit(5, contextOf([stranger, 3])), commit(7, []))).toBeUndefined();
  });
});

describe('evidence', () => {
  const check = (one: Bytes, other: Bytes, network = NETWORK) =>
    checkEvidence([one, other], { network, hasher, isTrusted });
  const codeOf = (run: () => unknown): string => {
    try {
      run();
    } catch (error) {
      if (error instanceof LatticeError) return error.code;
      throw error;
    }
    return 'none';
  };

  it('is checked offline from the two fragments, parts of commits among them [R10]', () => {
    const earlier = pickOperations(commit(5, contextOf([b.author, 3]), { keys: ['other', 'key'] }), [1], hasher);
    const later = commit(7, [], { keys: ['key', 'more'] });
    const { kind, author, signatures } = check(encodeFragment(later), encodeFragment(earlier));
    expect([kind, author]).toEqual(['forgotten', a.author]);
    expect(signatures.map(({ signature }) => signature)).toEqual([later.signature, earlier.signature]);
    expect(signatures.map(({ message }) => a.sign(message))).toEqual([later.signature, earlier.signature]);
    // Two commits with one time need no key in common.
    expect(
      check(encodeFragment(commit(5, [], { keys: ['x'] })), encodeFragment(commit(5, [], { keys: ['y'] }))).kind,
    ).toBe('same-time');
  });

  it('is refused when nothing is contradicted, and when it is of another network [R10]', () => {
    const one = encodeFragment(commit(5, contextOf([b.author, 3])));
    for (const other of [commit(5, contextOf([b.author, 3])), commit(7, [], { by: c }), commit(7, [], { keys: ['x'] })])
      expect(codeOf(() => check(one, encodeFragment(other)))).toBe('proof-invalid');
    expect(codeOf(() => check(one, encodeFragment(commit(7, [])), 'elsewhere'))).toBe('other-network');
    expect(codeOf(() => check(one, one.slice(1)))).toBe('malformed');
  });
});
