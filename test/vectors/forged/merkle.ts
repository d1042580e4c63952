import { decodeProof, encodeProof, type MerkleProof } from '../../../src/core/merkle/index.ts';
import { type Bytes, concatBytes } from '../../../src/core/types/index.ts';
import type { Forged } from './corpus.ts';
import {
  ABSENT,
  asked,
  base64url,
  bob,
  CONFLICT,
  commit,
  DELETED,
  type Document,
  FIVE,
  flipped,
  fromBase64url,
  HALF,
  hasher,
  json,
  prove,
  put,
  SIBLINGS,
  stateOf,
  withoutValue,
} from './world.ts';

/** Flaws of the Merkle proof. */
export function merkleFlaws(): Forged[] {
  const flaw = (name: string, rule: string, document: Document, merkle: Bytes): Forged => ({
    name: `the Merkle proof: ${name}`,
    rule,
    fails: 'path',
    asked: asked(document),
    text: json({ ...document, merkle: base64url(merkle) }),
  });
  const five = prove(FIVE, 'head');
  const absent = prove(ABSENT, 'cut');
  const deleted = prove(DELETED, 'cut');
  const twice = prove(CONFLICT, 'cut');
  const bytes = fromBase64url(five.merkle);
  type Leaf = Extract<MerkleProof, { kind: 'leaf' }>;
  const leafOf = (document: Document): Leaf => decodeProof(fromBase64url(document.merkle)) as Leaf;
  const leaf = leafOf(five);
  const changed = (change: Partial<Leaf>, of: Leaf = leaf): Bytes => encodeProof({ ...of, ...change });
  const flip = (at: number, of: Bytes = bytes, mask = 1): Bytes => flipped(of, at, mask);
  const refs = 36;
  const steps = refs + 34 * leaf.refs.length + 2;
  const top = leaf.steps.at(-1);
  const [conflictRefs, conflictBytes] = [leafOf(twice).refs, fromBase64url(twice.merkle)];
  const swapped = concatBytes(
    conflictBytes.subarray(0, refs),
    conflictBytes.subarray(refs + 34, refs + 68),
    conflictBytes.subarray(refs, refs + 34),
    conflictBytes.subarray(refs + 68),
  );
  const repeated = concatBytes(
    conflictBytes.subarray(0, refs),
    conflictBytes.subarray(refs, refs + 34),
    conflictBytes.subarray(refs, refs + 34),
    conflictBytes.subarray(refs + 68),
  );
  // A bit of the key hash at which no node of the path branches.
  const branches = new Set(leaf.steps.map(({ bit }) => bit));
  const free = Array.from({ length: 256 }, (_, bit) => 255 - bit).find((bit) => !branches.has(bit)) as number;
  const turnedHash = leaf.keyHash.map((byte, i) => (i === free >> 3 ? byte ^ (0x80 >> (free & 7)) : byte));
  return [
    flaw('of another key', 'P3', five, fromBase64url(prove(HALF, 'head').merkle)),
    flaw('of another key, for an absent one', 'P3', absent, fromBase64url(prove(FIVE, 'cut').merkle)),
    flaw(
      'of another state',
      'P3',
      five,
      fromBase64url(prove(FIVE, 'head', { state: stateOf([...SIBLINGS, ...commit(bob, [put('more', 1)])]) }).merkle),
    ),
    flaw('empty', 'P4', five, Uint8Array.of(1, 0)),
    flaw('empty, for an absent key', 'P4', absent, Uint8Array.of(1, 0)),
    flaw('of version 2', 'P1', five, flip(0, bytes, 3)),
    flaw('of another kind', 'P1', five, flip(1, bytes, 3)),
    flaw('without bytes', 'P1', five, new Uint8Array()),
    flaw('with a byte left over', 'P2', five, concatBytes(bytes, Uint8Array.of(0))),
    flaw('with a byte missing', 'P2', absent, fromBase64url(absent.merkle).slice(0, -1)),
    flaw('cut after the key hash', 'P1', deleted, fromBase64url(deleted.merkle).slice(0, 34)),
    flaw('empty with a byte left over', 'P2', absent, Uint8Array.of(1, 0, 0)),
    flaw(
      'with no siblings',
      'P2',
      five,
      concatBytes(bytes.subarray(0, 34), Uint8Array.of(0, 0), bytes.subarray(refs + 34)),
    ),
    flaw(
      'with 257 siblings announced',
      'P2',
      five,
      concatBytes(bytes.subarray(0, 34), Uint8Array.of(1, 1), bytes.subarray(refs)),
    ),
    flaw('with siblings in another order', 'P2', twice, swapped),
    flaw('with a sibling twice', 'P2', twice, repeated),
    flaw('with a sibling less', 'P3', twice, changed({ refs: conflictRefs.slice(1) }, leafOf(twice))),
    flaw(
      'with a sibling more',
      'P3',
      five,
      changed({ refs: [...leaf.refs, { commit: new Uint8Array(32).fill(255), index: 0 }] }),
    ),
    flaw('with another commit id', 'P3', five, flip(refs + 3)),
    flaw('with another index', 'P3', five, flip(refs + 33)),
    flaw('with another hash on its way', 'P3', five, flip(steps + 4)),
    flaw(
      'with another hash on its way, at the cut',
      'P3',
      deleted,
      flip(fromBase64url(deleted.merkle).length - 1, fromBase64url(deleted.merkle)),
    ),
    flaw('with a step less', 'P3', five, changed({ steps: leaf.steps.slice(0, -1) })),
    flaw('with its first step missing', 'P3', five, changed({ steps: leaf.steps.slice(1) })),
    flaw('with no steps', 'P3', absent, changed({ steps: [] }, leafOf(absent))),
    flaw(
      'with a step more at its lower end',
      'P3',
      five,
      changed({ steps: [{ bit: 255, sibling: new Uint8Array(32) }, ...leaf.steps] }),
    ),
    flaw(
      'with a branch bit of 256',
      'P2',
      five,
      concatBytes(bytes.subarray(0, steps), Uint8Array.of(1, 0), bytes.subarray(steps + 2)),
    ),
    flaw(
      'with a branch bit twice',
      'P2',
      five,
      concatBytes(
        bytes.subarray(0, steps - 2),
        u16(leaf.steps.length + 1),
        bytes.subarray(steps),
        u16(top?.bit ?? 0),
        top?.sibling ?? new Uint8Array(32),
      ),
    ),
    flaw(
      'with steps in another order',
      'P2',
      five,
      concatBytes(
        bytes.subarray(0, steps),
        ...leaf.steps.toReversed().flatMap(({ bit, sibling }) => [u16(bit), sibling]),
      ),
    ),
    flaw(
      'with another branch bit',
      'P3',
      five,
      changed({ steps: leaf.steps.map((step, i) => (i === 0 ? { ...step, bit: step.bit + 1 } : step)) }),
    ),
    {
      name: 'the Merkle proof: presence as absence, by a key hash with one bit changed',
      rule: 'P3',
      fails: 'path',
      asked: asked(five),
      text: json({
        ...withoutValue(five),
        kind: 'absent',
        fragments: [],
        merkle: base64url(changed({ keyHash: turnedHash })),
      }),
    },
    {
      name: 'the Merkle proof: absence as presence, by the key hash of the key',
      rule: 'P3',
      fails: 'path',
      asked: asked(absent),
      text: json({
        ...absent,
        kind: 'deleted',
        fragments: prove(DELETED, 'cut').fragments,
        merkle: base64url(changed({ keyHash: hasher.hash(new TextEncoder().encode(ABSENT)) }, leafOf(absent))),
      }),
    },
  ];
}

const u16 = (n: number): Bytes => Uint8Array.of(n >> 8, n & 255);
