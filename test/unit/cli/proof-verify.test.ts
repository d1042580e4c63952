import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nodeHasher } from '../../../src/adapters/system/hasher.ts';
import { createSigner } from '../../../src/adapters/system/keys.ts';
import { createMerkleTree, encodeProof, leafHash, pathToProof } from '../../../src/core/merkle/index.ts';
import { compareSiblings } from '../../../src/core/state/index.ts';
import {
  type Bytes,
  bytesToHex,
  type Hlc,
  type JsonValue,
  type Operation,
  type Sibling,
} from '../../../src/core/types/index.ts';
import {
  createCommit,
  createSignedHead,
  encodeFragment,
  fragmentToSiblings,
  keyHash,
  siblingsToFragments,
} from '../../../src/core/wire/index.ts';
import type { ProofDocument } from '../../../src/runtime/facade/index.ts';
import { errorOf, run } from './support.ts';

const hasher = nodeHasher();
const seed = (n: number): Bytes => new Uint8Array(createHash('sha256').update(`test key ${n}`).digest());
const writer = createSigner(seed(1));
const other = createSigner(seed(2));
const server = createSigner(seed(3));
const NETWORK = 'test/network';

const put = (key: string, value: JsonValue): Operation => ({ kind: 'put', key, value, context: [] });
function commit(signer: typeof writer, hlc: bigint, operations: Operation[]): Sibling[] {
  const fragment = createCommit({ network: NETWORK, author: signer.author, hlc: hlc as Hlc, operations }, hasher, (m) =>
    signer.sign(m),
  );
  return fragmentToSiblings(fragment, hasher);
}

/** A state of a hundred keys, one in conflict and one deleted. */
const entries = new Map<string, Sibling[]>();
for (const sibling of [
  ...commit(
    writer,
    1_000_000n,
    Array.from({ length: 100 }, (_, i) => put(`k${i}`, i)),
  ),
  ...commit(writer, 2_000_000n, [put('both', 'first'), { kind: 'delete', key: 'gone', context: [] }]),
  ...commit(other, 3_000_000n, [put('both', 'second'), put('like a link', { '/': 1, bytes: 1, c: [0.5] })]),
]) {
  entries.set(sibling.operation.key, [...(entries.get(sibling.operation.key) ?? []), sibling].sort(compareSiblings));
}
const tree = createMerkleTree(hasher);
for (const [key, siblings] of entries) tree.set(keyHash(key, hasher), leafHash(keyHash(key, hasher), siblings, hasher));

const text = (bytes: Bytes): string => Buffer.from(bytes).toString('base64url');
function prove(key: string, signer = server): ProofDocument {
  const siblings = entries.get(key) ?? [];
  const path = tree.path(keyHash(key, hasher));
  const reached = [...entries].find(
    ([k]) => path.kind === 'leaf' && bytesToHex(keyHash(k, hasher)) === bytesToHex(path.keyHash),
  );
  const head = createSignedHead(
    {
      network: NETWORK,
      author: signer.author,
      incarnation: new Uint8Array(8),
      sequence: 7,
      hlc: 0n as Hlc,
      root: tree.root(),
      entries: entries.size,
      trustHash: new Uint8Array(32),
      wallMs: 1_767_225_600_000,
    },
    (m) => signer.sign(m),
  );
  const winner = siblings[0]?.operation;
  return {
    format: 'diotec360-lattice-proof/1',
    key,
    kind: winner === undefined ? 'absent' : winner.kind === 'put' ? 'present' : 'deleted',
    root: bytesToHex(tree.root()),
    network: NETWORK,
    merkle: text(encodeProof(pathToProof(path, reached?.[1] ?? [], hasher))),
    fragments: siblingsToFragments(siblings, hasher).map((f) => text(encodeFragment(f))),
    head: text(head.bytes),
    ...(winner?.value === undefined ? {} : { value: winner.value }),
  };
}

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'lattice-proof-'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

function verify(document: unknown, ...argv: string[]) {
  writeFileSync(join(dir, 'p'), typeof document === 'string' ? document : JSON.stringify(document));
  return run(['proof', 'verify', 'p', ...argv], { cwd: dir });
}
const trust = ['--trust', [writer, other, server].map((s) => s.author).join(',')];

describe('proof verify', () => {
  it('compares any value that there is, and takes none for the signed one that the data model refuses [V2, P6]', async () => {
    const proof = prove('like a link');
    expect((await verify(proof, ...trust)).code).toBe(0);
    for (const value of [
      { '/': 1, bytes: 1, c: [0.25] },
      { '/': 1, bytes: 1, c: [1e300] },
      { '/': 2, bytes: 1 },
      null,
    ]) {
      const { code, err } = await verify({ ...proof, value }, ...trust);
      expect([code, err]).toEqual([1, expect.stringContaining('not the one that was signed')]);
    }
  });

  it('says exactly what a proof of presence shows [P5, P6, P7]', async () => {
    const { code, out, err } = await verify(prove('k42'), ...trust, '--root', bytesToHex(tree.root()));
    expect(code).toBe(0);
    expect(out).toContain('At this head (sequence 7, its clock 2026-01-01T00:00:00.000Z), node 12D3KooW');
    expect(out).toContain('held the value 42 for the key "k42".');
    expect(err).toContain('not say that this is the latest');
    const json = JSON.parse((await verify(prove('k42'), '--json')).out) as Record<string, unknown>;
    expect(json).toMatchObject({
      valid: true,
      kind: 'present',
      value: 42,
      signerKey: server.author,
      writers: [writer.author],
      trustChecked: false,
    });
  });

  it('without --trust says that trust was not checked', async () => {
    expect((await verify(prove('k1'))).err).toContain('--trust');
    expect((await verify(prove('k1'), ...trust)).err).not.toContain('--trust');
  });

  it('shows absence, deletion and conflicts [P5, P6]', async () => {
    expect((await verify(prove('never written'))).out).toContain('held nothing for the key "never written"');
    expect((await verify(prove('gone'))).out).toContain('held a tombstone');
    const { code, out } = await verify(prove('both'), ...trust);
    expect(code).toBe(0);
    expect(out).toContain('held the value "second"');
    expect(out).toContain('2 concurrent values');
  });

  it('takes a proof from stdin', async () => {
    expect((await run(['proof', 'verify', '-'], { stdin: JSON.stringify(prove('k1')) })).code).toBe(0);
  });

  const forge = (key: string, change: (proof: ProofDocument) => Partial<ProofDocument>): ProofDocument => {
    const proof = prove(key);
    return { ...proof, ...change(proof) };
  };
  it.each([
    ['another value', () => forge('k1', () => ({ value: 2 })), 'value shown'],
    ['no value', () => ({ ...prove('k1'), value: undefined }), 'value shown'],
    ['another root', () => forge('k1', () => ({ root: '00'.repeat(32) })), 'names root'],
    ['another network', () => forge('k1', () => ({ network: 'other' })), 'network'],
    ['the proof of another key', () => forge('k1', () => ({ merkle: prove('k2').merkle })), 'does not lead'],
    ['commits of another key', () => forge('k1', () => ({ fragments: prove('k2').fragments })), 'another key'],
    [
      'a hidden sibling',
      () => forge('both', (p) => ({ fragments: p.fragments.slice(1) })),
      'not those that the tree holds',
    ],
    ['a presence called absent', () => forge('k1', () => ({ kind: 'absent', fragments: [] })), 'says present'],
    ['an absence called present', () => forge('never', () => ({ kind: 'present', value: 1 })), 'says absent'],
    ['a deletion called present', () => forge('gone', () => ({ kind: 'present', value: 1 })), 'delete'],
    ['an absence with commits', () => forge('never', () => ({ fragments: prove('k1').fragments })), 'no commits'],
  ])('refuses %s', async (_name, make, why) => {
    const ran = await verify(make(), '--json');
    expect([ran.code, ran.out, errorOf(ran).code]).toEqual([1, '', 'proof-invalid']);
    expect(errorOf(ran).message).toContain(why);
  });

  it('refuses another root, an untrusted signer, and an untrusted writer [P6]', async () => {
    expect((await verify(prove('k1'), '--root', '00'.repeat(32))).code).toBe(1);
    expect((await verify(prove('k1'), '--trust', writer.author)).err).toContain("head's author");
    expect((await verify(prove('k1'), '--trust', server.author)).err).toContain('author of commit');
  });

  it('refuses every changed byte of the head, the Merkle proof and the commit [P6]', async () => {
    const { verifyProofDocument } = await import('../../../src/audit/index.ts');
    const { createVerifier } = await import('../../../src/adapters/system/keys.ts');
    const options = { hasher, verifier: createVerifier(), root: undefined, trusted: undefined };
    const proof = prove('k1');
    await expect(verifyProofDocument(proof, options)).resolves.toMatchObject({ kind: 'present' });
    const flip = (encoded: string, at: number): string => {
      const bytes = Buffer.from(encoded, 'base64url');
      bytes[at] = (bytes[at] as number) ^ 1;
      return bytes.toString('base64url');
    };
    const lengthOf = (encoded: string): number => Buffer.from(encoded, 'base64url').length;
    const code = { code: expect.stringMatching(/^proof-(malformed|invalid)$/) as unknown };
    for (const field of ['head', 'merkle'] as const) {
      for (let at = 0; at < lengthOf(proof[field] as string); at++) {
        await expect(
          verifyProofDocument({ ...proof, [field]: flip(proof[field] as string, at) }, options),
          `${field} byte ${at}`,
        ).rejects.toMatchObject(code);
      }
    }
    const [fragment = ''] = proof.fragments;
    for (let at = 0; at < lengthOf(fragment); at++) {
      await expect(
        verifyProofDocument({ ...proof, fragments: [flip(fragment, at)] }, options),
        `fragment byte ${at}`,
      ).rejects.toMatchObject(code);
    }
  });

  it.each([
    ['{'],
    ['null'],
    ['{}'],
    ['{"format":"diotec360-lattice-proof/1"}'],
    [JSON.stringify({ ...prove('k1'), merkle: '!' })],
    [JSON.stringify({ ...prove('k1'), fragments: [7] })],
  ])('calls %.40s malformed', async (document) => {
    const ran = await verify(document, '--json');
    expect([ran.code, errorOf(ran).code]).toEqual([1, 'proof-malformed']);
  });
});
