import { createHash } from 'node:crypto';
import { nodeHasher } from '../../../src/adapters/system/hasher.ts';
import { createSigner } from '../../../src/adapters/system/keys.ts';
import { createMerkleTree, encodeProof, leafHash, pathToProof } from '../../../src/core/merkle/index.ts';
import { compareSiblings } from '../../../src/core/state/index.ts';
import {
  type Author,
  type Bytes,
  bytesToHex,
  type Context,
  concatBytes,
  EXPIRY_VERSION,
  type Hlc,
  hexToBytes,
  type JsonValue,
  type Operation,
  PROTOCOL_VERSION,
  type Sibling,
} from '../../../src/core/types/index.ts';
import {
  createCommit,
  createSignedAttestation,
  createSignedHead,
  encodeCertificate,
  encodeFragment,
  fragmentToSiblings,
  type Head,
  keyHash,
  siblingsToFragments,
  trustHash,
} from '../../../src/core/wire/index.ts';
import type { Asked } from './corpus.ts';

/** A fleet of three nodes and a stranger, with keys for tests only: each seed is the hash of a name. */
export const hasher = nodeHasher();
export type Signer = ReturnType<typeof createSigner>;
export const signerOf = (name: string): Signer =>
  createSigner(new Uint8Array(createHash('sha256').update(`forged vectors: ${name}`).digest()));
export const [alice, bob, carol] = (['alice', 'bob', 'carol'] as const)
  .map(signerOf)
  .sort((a, b) => (a.author < b.author ? -1 : 1)) as [Signer, Signer, Signer];
export const stranger = signerOf('stranger');
export const FLEET: readonly Author[] = [alice, bob, carol].map(({ author }) => author);
export const NETWORK = 'forged/vectors';
/** The time of the cut, Unix ms. Every commit of the state is older. */
export const T = 1_767_225_610_000;

export const base64url = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url');
export const hlcAt = (ms: number, counter = 0): Hlc => ((BigInt(ms) << 16n) | BigInt(counter)) as Hlc;

export const put = (key: string, value: JsonValue, context: Context = [], expires?: number): Operation => ({
  kind: 'put',
  key,
  value,
  context,
  ...(expires === undefined ? {} : { expires }),
});
export const del = (key: string, context: Context = []): Operation => ({ kind: 'delete', key, context });

export interface CommitOptions {
  readonly ms?: number;
  readonly network?: string;
}

/** The operations of a commit, each as a sibling of its own. */
export function commit(
  signer: Signer,
  operations: readonly Operation[],
  { ms = T - 5_000, network = NETWORK }: CommitOptions = {},
): Sibling[] {
  const version = operations.some(({ expires }) => expires !== undefined) ? EXPIRY_VERSION : PROTOCOL_VERSION;
  const made = { network, author: signer.author, hlc: hlcAt(ms), operations, version };
  const fragment = createCommit(made, hasher, (m) => signer.sign(m));
  return fragmentToSiblings(fragment, hasher);
}

export type State = ReadonlyMap<string, readonly Sibling[]>;

/** A state with exactly these siblings, whatever the register would make of them. */
export function stateOf(siblings: readonly Sibling[]): State {
  const state = new Map<string, Sibling[]>();
  for (const sibling of siblings) {
    const { key } = sibling.operation;
    state.set(key, [...(state.get(key) ?? []), sibling].sort(compareSiblings));
  }
  return state;
}

export const RICH_TEXT = 'é\u{1f600}\ufeff"\\';
/** A value of every type. */
export const RICH: JsonValue = {
  text: RICH_TEXT,
  numbers: [0, -1, 0.5, 1e-7, 9_007_199_254_740_991, -9_007_199_254_740_991, 5e-324],
  nothing: [null, true, false, '', [], {}],
};
export const PRESENT = 'account/north';
export const DELETED = 'account/closed';
export const ABSENT = 'account/never';
export const CONFLICT = 'account/twice';
export const FIVE = 'number/five';
export const HALF = 'number/half';
export const ZERO = 'number/zero';
export const TRUE = 'word/true';
/** It ends at the very time of the cut, so it has ended there. */
export const ENDED = 'session/ended';
/** It ends after the cut, and before the head that names the same root. */
export const ENDING = 'session/ending';
/** A value that has ended hides the one that has not. */
export const HIDING = 'session/hiding';
/** The time of the head, Unix ms. */
export const HEAD_MS = T + 6_000;

const twice = [
  ...commit(alice, [put(CONFLICT, 'of one')], { ms: T - 9_000 }),
  ...commit(bob, [put(CONFLICT, 'of another')], { ms: T - 8_000 }),
  ...commit(carol, [del(CONFLICT)], { ms: T - 8_500 }),
];
export const SIBLINGS: readonly Sibling[] = [
  ...commit(alice, [put(PRESENT, RICH), put(FIVE, 5), put(HALF, 0.5), put(ZERO, 0), put(TRUE, true)], {
    ms: T - 7_000,
  }),
  ...commit(bob, [del(DELETED)], { ms: T - 6_000 }),
  ...commit(
    carol,
    Array.from({ length: 12 }, (_, i) => put(`filler/${i}`, i)),
  ),
  ...twice,
  ...commit(alice, [put(ENDED, 'over', [], T), put(ENDING, 'soon', [], T + 1)], { ms: T - 4_000 }),
  ...commit(bob, [put(HIDING, 'hidden')], { ms: T - 3_000 }),
  ...commit(carol, [put(HIDING, 'over', [], T - 1_000)], { ms: T - 2_000 }),
];
export const STATE = stateOf(SIBLINGS);

function treeOf(state: State) {
  const tree = createMerkleTree(hasher);
  for (const [key, siblings] of state) tree.set(keyHash(key, hasher), leafHash(keyHash(key, hasher), siblings, hasher));
  return tree;
}

export type Anchor = 'head' | 'cut';

export interface ProveOptions {
  readonly state?: State;
  readonly network?: string;
  /** Who signs the head. */
  readonly by?: Signer;
  readonly head?: Partial<Head>;
  /** Who signs the certificate, and what it says. */
  readonly signers?: readonly Signer[];
  readonly claim?: Partial<Claim>;
}

interface Claim {
  readonly network: string;
  readonly at: number;
  readonly root: Bytes;
  readonly entries: number;
  readonly trustHash: Bytes;
}

export type Document = Readonly<Record<string, unknown>> & {
  readonly key: string;
  readonly kind: 'present' | 'deleted' | 'expired' | 'absent';
  readonly root: string;
  readonly merkle: string;
  readonly fragments: readonly string[];
};

export const rootOf = (state: State): Bytes => treeOf(state).root();

export function certificateBy(signers: readonly Signer[], change: Partial<Claim> = {}): Bytes {
  const claim = {
    network: NETWORK,
    at: T,
    root: rootOf(STATE),
    entries: STATE.size,
    trustHash: trustHash(FLEET, hasher),
    ...change,
  };
  const signed = signers.map((signer) => {
    const { author } = signer;
    return { author, signature: createSignedAttestation({ ...claim, author }, (m) => signer.sign(m)).signature };
  });
  return encodeCertificate({ ...claim, signers: signed.sort((a, b) => (a.author < b.author ? -1 : 1)) });
}

export function headBy(signer: Signer, change: Partial<Head> = {}): Bytes {
  const head: Head = {
    network: NETWORK,
    author: signer.author,
    incarnation: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8),
    sequence: 7,
    hlc: hlcAt(T - 5_000),
    root: rootOf(STATE),
    entries: STATE.size,
    trustHash: trustHash(FLEET, hasher),
    wallMs: HEAD_MS,
    ...change,
  };
  return createSignedHead(head, (m) => signer.sign(m)).bytes;
}

function kindAt(winner: Operation | undefined, at: number): Document['kind'] {
  if (winner === undefined) return 'absent';
  if (winner.kind === 'delete') return 'deleted';
  return winner.expires !== undefined && winner.expires <= at ? 'expired' : 'present';
}

/** The document that a node of the fleet, or whoever signs, would give out for a key. */
export function prove(key: string, anchor: Anchor, options: ProveOptions = {}): Document {
  const { state = STATE, network = NETWORK, by = alice, signers = [alice, carol] } = options;
  const siblings = state.get(key) ?? [];
  const tree = treeOf(state);
  const path = tree.path(keyHash(key, hasher));
  const reached = Array.from(state).find(
    ([one]) => path.kind === 'leaf' && bytesToHex(keyHash(one, hasher)) === bytesToHex(path.keyHash),
  );
  const winner = siblings[0]?.operation;
  const at = anchor === 'head' ? (options.head?.wallMs ?? HEAD_MS) : (options.claim?.at ?? T);
  const kind = kindAt(winner, at);
  const root = tree.root();
  const says = { network, root, entries: state.size };
  return {
    format: 'diotec360-lattice-proof/1',
    key,
    kind,
    root: bytesToHex(root),
    network,
    merkle: base64url(encodeProof(pathToProof(path, reached?.[1] ?? [], hasher))),
    fragments: siblings.flatMap((one) => siblingsToFragments([one], hasher)).map((f) => base64url(encodeFragment(f))),
    ...(anchor === 'head'
      ? { head: base64url(headBy(by, { ...says, ...options.head })) }
      : { certificate: base64url(certificateBy(signers, { ...says, ...options.claim })) }),
    ...(kind === 'present' && winner?.value !== undefined ? { value: winner.value } : {}),
  };
}

/** What a verifier is asked about a document of the fleet. */
export const asked = ({ key }: Document, more: Asked = {}): Asked => ({ key, network: NETWORK, ...more });
export const json = (document: object): string => JSON.stringify(document);
export const fromBase64url = (text: unknown): Bytes => new Uint8Array(Buffer.from(String(text), 'base64url'));
export const fromHex = (hex: string): Bytes => hexToBytes(hex) as Bytes;
export const flipped = (bytes: Bytes, at: number, mask = 1): Bytes =>
  bytes.map((byte, i) => (i === at ? byte ^ mask : byte));

export function withoutValue(document: Document): Document {
  const { value: _, ...rest } = document as Record<string, unknown>;
  return rest as Document;
}

/** The signature with the group order added to its S, which the equation cannot tell from the former. */
export function withOrder(signature: Bytes): Bytes {
  const order = 2n ** 252n + 27742317777372353535851937790883648493n;
  const s = BigInt(`0x${Buffer.from(signature.slice(32).reverse()).toString('hex')}`) + order;
  return concatBytes(signature.subarray(0, 32), fromHex(s.toString(16).padStart(64, '0')).reverse());
}
