import { describe, expect, it } from 'vitest';
import { createSigner, createVerifier, nodeHasher } from '../../../src/adapters/system/index.ts';
import { bundledCrypto, examineEvidence } from '../../../src/audit/index.ts';
import { type Acceptance, encodeSignedVote, signStatement } from '../../../src/core/roster/index.ts';
import type { Bytes, Hlc } from '../../../src/core/types/index.ts';
import {
  type Attestation,
  createCommit,
  createSignedAttestation,
  encodeFragment,
} from '../../../src/core/wire/index.ts';

const hasher = nodeHasher();
const NETWORK = 'test/evidence';
const T = 1_767_225_610_000;
const [liar, other] = [1, 2].map((i) => createSigner(new Uint8Array(32).fill(i))) as [Signer, Signer];
type Signer = ReturnType<typeof createSigner>;
const filled = (byte: number): Bytes => new Uint8Array(32).fill(byte);

const attestation = (more: Partial<Attestation> = {}, by: Signer = liar): Bytes => {
  const claim = {
    network: NETWORK,
    author: by.author,
    at: T,
    root: filled(1),
    entries: 3,
    trustHash: filled(9),
    ...more,
  };
  return createSignedAttestation(claim, (m) => by.sign(m)).bytes;
};
const vote = (more: Partial<Acceptance> = {}, by: Signer = liar): Bytes => {
  const statement: Acceptance = {
    kind: 'acceptance',
    network: NETWORK,
    epoch: 1,
    previous: filled(7),
    author: by.author,
    ballot: { counter: 2, author: other.author },
    roster: filled(1),
    attested: T,
    ...more,
  };
  return encodeSignedVote(signStatement(statement, (m) => by.sign(m)));
};
const commit = (value: number, ms = T, by: Signer = liar): Bytes => {
  const operations = [{ kind: 'put' as const, key: 'key', value, context: [] }];
  const header = { network: NETWORK, author: by.author, hlc: (BigInt(ms) << 16n) as Hlc, operations };
  return encodeFragment(createCommit(header, hasher, (m) => by.sign(m)));
};
const base64url = (bytes: Bytes): string => Buffer.from(bytes).toString('base64url');
const evidence = (kind: string, pair: readonly [Bytes, Bytes], more: object = {}): object => ({
  format: 'diotec360-lattice-evidence/1',
  kind,
  network: NETWORK,
  author: liar.author,
  statements: pair.map(base64url),
  ...more,
});
const flipped = (bytes: Bytes): Bytes => bytes.map((byte, i) => (i === bytes.length - 1 ? byte ^ 1 : byte));

/** `holds`, or the check in which it fails, for both sorts of cryptography. */
async function judged(document: unknown, more: object = {}): Promise<string> {
  const results = [];
  for (const deps of [{ hasher, verifier: createVerifier() }, bundledCrypto()]) {
    const { checks, error } = await examineEvidence(document, { ...deps, trusted: 'anyone', ...more });
    results.push(error === undefined ? 'holds' : (checks.find(({ result }) => result === 'failed')?.check ?? 'none'));
  }
  expect(results[0]).toBe(results[1]);
  return results[0] as string;
}

const ROOTS = [attestation(), attestation({ root: filled(2) })] as const;
const VOTES = [vote(), vote({ roster: filled(2) })] as const;
const COMMITS = [commit(1), commit(2)] as const;

describe('evidence', () => {
  it.each([
    ['two roots for one T', 'two-roots', ROOTS],
    ['two numbers of keys for one T', 'two-roots', [attestation(), attestation({ entries: 4 })]],
    [
      'two roots under two rosters',
      'two-roots',
      [attestation(), attestation({ root: filled(2), trustHash: filled(8) })],
    ],
    ['two rosters in one ballot', 'two-votes', VOTES],
    ['two commits of one HLC', 'two-commits', COMMITS],
  ] as const)('%s holds in either order, as text and as an object [EV1, EV2]', async (_, kind, [a, b]) => {
    expect(await judged(evidence(kind, [a, b]))).toBe('holds');
    expect(await judged(JSON.stringify(evidence(kind, [b, a])), { trusted: [liar.author] })).toBe('holds');
    expect(await judged(evidence(kind, [a, b]), { asked: { network: NETWORK, author: liar.author } })).toBe('holds');
  });

  it.each([
    ['one root twice', 'two-roots', [attestation(), attestation()]],
    ['one root under two rosters', 'two-roots', [attestation(), attestation({ trustHash: filled(8) })]],
    ['two roots of two times', 'two-roots', [attestation(), attestation({ root: filled(2), at: T + 10_000 })]],
    ['two roots of two authors', 'two-roots', [attestation(), attestation({ root: filled(2) }, other)]],
    [
      'two rosters in two ballots',
      'two-votes',
      [vote(), vote({ roster: filled(2), ballot: { counter: 3, author: other.author } })],
    ],
    ['two rosters of two epochs', 'two-votes', [vote(), vote({ roster: filled(2), epoch: 2 })]],
    ['two rosters after two rosters', 'two-votes', [vote(), vote({ roster: filled(2), previous: filled(8) })]],
    ['votes of two authors', 'two-votes', [vote(), vote({ roster: filled(2) }, other)]],
    ['one vote twice', 'two-votes', [vote(), vote()]],
    ['one commit twice', 'two-commits', [commit(1), commit(1)]],
    ['commits of two times', 'two-commits', [commit(1), commit(2, T + 1)]],
    ['commits of two authors', 'two-commits', [commit(1), commit(2, T, other)]],
    ['two commits of one HLC as a forgotten context', 'forgotten', COMMITS],
  ] as const)('%s are none [EV2]', async (_, kind, [a, b]) => {
    expect(await judged(evidence(kind, [a, b]))).toBe('contradiction');
  });

  it('needs both signatures, and those of the author that it names [EV2]', async () => {
    for (const [kind, [a, b]] of [
      ['two-roots', ROOTS],
      ['two-votes', VOTES],
    ] as const) {
      expect(await judged(evidence(kind, [a, flipped(b)]))).toBe('signature');
      expect(await judged(evidence(kind, [flipped(a), b]))).toBe('signature');
      expect(await judged(evidence(kind, [a, b], { author: other.author }))).toBe('contradiction');
      expect(await judged(evidence(kind, [a, b], { network: 'elsewhere' }))).toBe('contradiction');
    }
  });

  it('is about the network and the author that are asked for [EV3]', async () => {
    expect(await judged(evidence('two-roots', ROOTS), { asked: { network: 'elsewhere' } })).toBe('network');
    expect(await judged(evidence('two-roots', ROOTS), { asked: { author: other.author } })).toBe('author');
    expect(await judged(evidence('two-roots', ROOTS), { trusted: [other.author] })).toBe('author');
  });

  it.each([
    ['a member more', evidence('two-roots', ROOTS, { note: 1 })],
    ['another format', evidence('two-roots', ROOTS, { format: 'diotec360-lattice-proof/1' })],
    ['another kind', evidence('two-heads', ROOTS)],
    ['three statements', evidence('two-roots', ROOTS, { statements: ['AA', 'AA', 'AA'] })],
    ['padding', evidence('two-roots', ROOTS, { statements: ['AA==', 'AA'] })],
    ['no author', evidence('two-roots', ROOTS, { author: undefined })],
    ['a list', [evidence('two-roots', ROOTS)]],
    ['a name twice', JSON.stringify(evidence('two-roots', ROOTS)).replace('"kind"', '"kind":"two-votes","kind"')],
    ['a longer text', `${JSON.stringify(evidence('two-roots', ROOTS))}${' '.repeat(256 * 1024)}`],
  ])('with %s is malformed [EV1]', async (_, document) => {
    expect(await judged(document)).toBe('form');
  });
});
