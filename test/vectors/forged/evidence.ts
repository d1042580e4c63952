import { encodeSignedVote, signStatement } from '../../../src/core/roster/index.ts';
import type { Bytes, Context, Operation } from '../../../src/core/types/index.ts';
import {
  createCommit,
  createSignedAttestation,
  encodeFragment,
  encodeOperation,
} from '../../../src/core/wire/index.ts';
import type { Forged, Good } from './corpus.ts';
import { alice, base64url, bob, carol, hasher, hlcAt, NETWORK, put, type Signer, stranger, T } from './world.ts';

/** Evidence documents (SPEC EV1, EV2): alice signs twice, or seems to. */
const filled = (byte: number): Bytes => new Uint8Array(32).fill(byte);

interface Said {
  readonly by?: Signer;
  readonly signedBy?: Signer;
  readonly network?: string;
  readonly at?: number;
}

function root(n: number, { by = alice, signedBy = by, network = NETWORK, at = T }: Said = {}): Bytes {
  const claim = { network, author: by.author, at, root: filled(n), entries: 1, trustHash: filled(9) };
  return createSignedAttestation(claim, (message) => signedBy.sign(message)).bytes;
}

function vote(n: number, { by = alice, signedBy = by, network = NETWORK, at = 1 }: Said = {}): Bytes {
  const id = { network, author: by.author, epoch: 1, previous: filled(7) };
  const ballot = { counter: at, author: carol.author };
  return encodeSignedVote(
    signStatement({ kind: 'acceptance', ...id, ballot, roster: filled(n), attested: T }, (message) =>
      signedBy.sign(message),
    ),
  );
}

function commit(n: number, { by = alice, signedBy = by, network = NETWORK, at = T }: Said = {}, context: Context = []) {
  const operations = [encodeOperation(put('k', n, context) satisfies Operation)];
  const made = createCommit({ network, author: by.author, hlc: hlcAt(at), operations }, hasher, (message) =>
    signedBy.sign(message),
  );
  return encodeFragment(made);
}

const seen = [{ author: bob.author, hlc: hlcAt(T - 10) }];
const unknown = [{ author: stranger.author, hlc: hlcAt(T - 10) }];
/** Names something later than the earlier commit, which may have replaced what that had seen. */
const later = [{ author: carol.author, hlc: hlcAt(T + 1) }];

interface Fields {
  readonly kind: string;
  readonly statements: readonly unknown[];
  readonly network?: string;
  readonly author?: string;
  readonly format?: string;
  readonly more?: unknown;
}

const textOf = ({ kind, statements, network = NETWORK, author = alice.author, ...others }: Fields): string =>
  JSON.stringify({
    format: 'diotec360-lattice-evidence/1',
    kind,
    network,
    author,
    statements: statements.map((one) => (one instanceof Uint8Array ? base64url(one) : one)),
    ...others,
  });

export function goodEvidence(): Good[] {
  const good = (name: string, fields: Fields, asked: Good['asked'] = {}): Good => ({
    name,
    asked,
    text: textOf(fields),
  });
  return [
    good('two roots for one T', { kind: 'two-roots', statements: [root(1), root(2)] }, { network: NETWORK }),
    good('two roots, the other way round', { kind: 'two-roots', statements: [root(2), root(1)] }),
    good('two votes in one ballot', { kind: 'two-votes', statements: [vote(1), vote(2)] }),
    good('two commits of one time', { kind: 'two-commits', statements: [commit(1), commit(2)] }),
    good('a commit that forgets', { kind: 'forgotten', statements: [commit(1, {}, seen), commit(2, { at: T + 5 })] }),
    good('that one first', { kind: 'forgotten', statements: [commit(2, { at: T + 5 }), commit(1, {}, seen)] }),
  ];
}

export function evidenceFlaws(): Forged[] {
  const flaw = (
    name: string,
    rule: string,
    fails: Forged['fails'],
    fields: Fields,
    asked: Good['asked'] = {},
  ): Forged => ({ name, asked, rule, fails, text: textOf(fields) });
  const roots = { kind: 'two-roots', statements: [root(1), root(2)] };
  const contradicts = (name: string, kind: string, statements: readonly Bytes[]): Forged =>
    flaw(name, 'EV2', 'contradiction', { kind, statements });
  const unsigned = (name: string, kind: string, statements: readonly Bytes[]): Forged =>
    flaw(name, 'EV2', 'signature', { kind, statements });
  const bad = { signedBy: stranger };
  return [
    contradicts('one root twice', 'two-roots', [root(1), root(1)]),
    contradicts('roots for two times', 'two-roots', [root(1), root(2, { at: T + 10_000 })]),
    contradicts('roots of two authors', 'two-roots', [root(1), root(2, { by: bob })]),
    contradicts('one vote twice', 'two-votes', [vote(1), vote(1)]),
    contradicts('votes in two ballots', 'two-votes', [vote(1), vote(2, { at: 2 })]),
    contradicts('votes of two authors', 'two-votes', [vote(1), vote(2, { by: bob })]),
    contradicts('one commit twice', 'two-commits', [commit(1), commit(1)]),
    contradicts('commits of two times', 'two-commits', [commit(1), commit(2, { at: T + 5 })]),
    contradicts('commits of two authors', 'two-commits', [commit(1), commit(2, { by: bob })]),
    contradicts('nothing is forgotten', 'forgotten', [commit(1), commit(2, { at: T + 5 })]),
    contradicts('what a later one replaced', 'forgotten', [commit(1, {}, seen), commit(2, { at: T + 5 }, later)]),
    contradicts('what nobody trusts is forgotten', 'forgotten', [commit(1, {}, unknown), commit(2, { at: T + 5 })]),
    contradicts('two commits of one time, as forgotten', 'forgotten', [commit(1), commit(2)]),
    unsigned('the first root is forged', 'two-roots', [root(1, bad), root(2)]),
    unsigned('the second root is forged', 'two-roots', [root(1), root(2, bad)]),
    unsigned('a vote is forged', 'two-votes', [vote(1), vote(2, bad)]),
    unsigned('a commit is forged', 'two-commits', [commit(1), commit(2, bad)]),
    unsigned('the commit that forgets is forged', 'forgotten', [commit(1, {}, seen), commit(2, { at: T + 5, ...bad })]),
    flaw('another author than who signed', 'EV2', 'contradiction', { ...roots, author: bob.author }),
    flaw('another network than is signed', 'EV2', 'contradiction', { ...roots, network: 'another' }),
    flaw('votes as roots', 'EV1', 'contradiction', { kind: 'two-roots', statements: [vote(1), vote(2)] }),
    flaw('roots as votes', 'EV1', 'contradiction', { kind: 'two-votes', statements: [root(1), root(2)] }),
    flaw('an unknown kind', 'EV1', 'form', { ...roots, kind: 'two-lies' }),
    flaw('one statement', 'EV1', 'form', { ...roots, statements: [root(1)] }),
    flaw('three statements', 'EV1', 'form', { ...roots, statements: [root(1), root(2), root(3)] }),
    flaw('a statement that is no text', 'EV1', 'form', { ...roots, statements: [root(1), 2] }),
    flaw('another format', 'EV1', 'form', { ...roots, format: 'diotec360-lattice-evidence/2' }),
    flaw('a further member', 'EV1', 'form', { ...roots, more: 1 }),
    flaw('an author in capitals', 'EV1', 'form', { ...roots, author: alice.author.toUpperCase() }),
    flaw('a network that was not asked for', 'EV3', 'network', roots, { network: 'another' }),
    flaw('an author who is not on the list', 'EV3', 'author', {
      kind: 'two-roots',
      author: stranger.author,
      statements: [root(1, { by: stranger }), root(2, { by: stranger })],
    }),
  ];
}
