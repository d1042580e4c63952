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
  createSignedAttestation,
  createSignedHead,
  decodeSignedHead,
  encodeCertificate,
  encodeFragment,
  fragmentToSiblings,
  keyHash,
  siblingsToFragments,
  trustHash,
} from '../../../src/core/wire/index.ts';
import { authorToPeerId } from '../../../src/core/wire/peer-id.ts';
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
  const written = typeof document === 'string' || document instanceof Uint8Array ? document : JSON.stringify(document);
  writeFileSync(join(dir, 'p'), written);
  return run(['proof', 'verify', 'p', ...argv], { cwd: dir });
}
const trust = ['--trust', [writer, other, server].map((s) => s.author).join(',')];

describe('proof verify', () => {
  it('compares any value that there is, and takes none for the signed one that the data model refuses [V2, P6]', async () => {
    const proof = prove('like a link');
    expect((await verify(proof, ...trust)).code).toBe(0);
    for (const value of [{ '/': 1, bytes: 1, c: [0.25] }, { '/': 2, bytes: 1 }, null]) {
      const { code, err } = await verify({ ...proof, value }, ...trust);
      expect([code, err]).toEqual([1, expect.stringContaining('not the one that was signed')]);
    }
    expect((await verify({ ...proof, value: 1e300 }, ...trust)).err).toContain('an integer beyond');
  });

  it('says exactly what a proof of presence shows [P5, P6, P7]', async () => {
    const { code, out, err } = await verify(prove('k42'), ...trust, '--root', bytesToHex(tree.root()));
    expect(code).toBe(0);
    expect(out).toContain('At this head (sequence 7, its clock 2026-01-01T00:00:00.000Z), node 12D3KooW');
    expect(out).toContain('held the value 42 for the key "k42".');
    expect(err).toContain('not say that this is the latest');
    const json = JSON.parse((await verify(prove('k42'), ...trust, '--json')).out) as Record<string, unknown>;
    expect(json).toMatchObject({
      verdict: 'verified',
      kind: 'present',
      value: 42,
      signerKey: server.author,
      writers: [writer.author],
    });
  });

  it('shows absence, deletion and conflicts [P5, P6]', async () => {
    expect((await verify(prove('never written'), ...trust)).out).toContain('held nothing for the key "never written"');
    expect((await verify(prove('gone'), ...trust)).out).toContain('held a tombstone');
    const { code, out } = await verify(prove('both'), ...trust);
    expect(code).toBe(0);
    expect(out).toContain('held the value "second"');
    expect(out).toContain('2 concurrent values');
  });

  it('says once how many checks were not made after one that failed', async () => {
    const { out } = await run(['proof', 'verify', '-', '--trust', writer.author], { stdin: 'no proof' });
    expect(out.split('\n')).toEqual([
      expect.stringMatching(/^✕ the document is malformed: /),
      expect.stringMatching(/^– \d+ further checks were not made$/),
      '',
    ]);
  });

  it('takes a proof from stdin', async () => {
    expect((await run(['proof', 'verify', '-', ...trust], { stdin: JSON.stringify(prove('k1')) })).code).toBe(0);
  });

  const forge = (key: string, change: (proof: ProofDocument) => object): object => {
    const proof = prove(key);
    return { ...proof, ...change(proof) };
  };
  it.each([
    ['another value', () => forge('k1', () => ({ value: 2 })), 'value shown'],
    ['another root', () => forge('k1', () => ({ root: '00'.repeat(32) })), 'names root'],
    ['another network', () => forge('k1', () => ({ network: 'other' })), 'network'],
    ['the proof of another key', () => forge('k1', () => ({ merkle: prove('k2').merkle })), 'does not lead'],
    ['commits of another key', () => forge('k1', () => ({ fragments: prove('k2').fragments })), 'another key'],
    [
      'a hidden sibling',
      () => forge('both', (p) => ({ fragments: p.fragments.slice(1) })),
      'not those that the tree holds',
    ],
    [
      'a presence called absent',
      () => forge('k1', () => ({ kind: 'absent', fragments: [], value: undefined })),
      'says present',
    ],
    [
      'an absence called present',
      () => forge('never', () => ({ kind: 'present', value: 1, fragments: prove('k1').fragments })),
      'says absent',
    ],
    ['a deletion called present', () => forge('gone', () => ({ kind: 'present', value: 1 })), 'delete'],
  ])('refuses %s', async (_name, make, why) => {
    const ran = await verify(make(), ...trust, '--json');
    expect([ran.code, errorOf(ran).code]).toEqual([1, 'proof-invalid']);
    const { verdict, checks } = JSON.parse(ran.out) as { verdict: string; checks: { result: string; text: string }[] };
    expect([verdict, checks.filter(({ result }) => result === 'failed')]).toEqual([
      'refused',
      [expect.objectContaining({ text: errorOf(ran).message })],
    ]);
    expect(errorOf(ran).message).toContain(why);
  });

  it('refuses another root, an untrusted signer, and an untrusted writer [P6]', async () => {
    expect((await verify(prove('k1'), ...trust, '--root', '00'.repeat(32))).err).toContain('about the root');
    expect((await verify(prove('k1'), '--trust', writer.author)).err).toContain("head's author");
    expect((await verify(prove('k1'), '--trust', server.author)).err).toContain('author of a commit');
  });

  it('refuses every changed byte of the head, the Merkle proof and the commit [P6]', async () => {
    const { verifyProofDocument } = await import('../../../src/audit/index.ts');
    const { createVerifier } = await import('../../../src/adapters/system/keys.ts');
    const options = { hasher, verifier: createVerifier(), trusted: 'anyone' as const };
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
    [JSON.stringify({ ...prove('k1'), value: undefined })],
    [JSON.stringify({ ...prove('never'), fragments: prove('k1').fragments })],
    [''],
    [`${'['.repeat(5000)}${']'.repeat(5000)}`],
    [JSON.stringify(prove('k5')).replace('"value":5', '"value":1e400')],
    [JSON.stringify(prove('k5')).replace('"value":5', `"value":${'['.repeat(5000)}${']'.repeat(5000)}`)],
    [JSON.stringify(prove('k5')).replace('"value":5', '"value":5.0000000000000000001')],
    [JSON.stringify(prove('k5')).replace('"value":5', '"value":6,"value":5')],
    [JSON.stringify({ ...prove('never'), value: 'smuggled' })],
    [JSON.stringify({ ...prove('gone'), value: 'smuggled' })],
    [Uint8Array.of(0x7b, 0x22, 0xff, 0xfe, 0x00)],
  ])('calls %.40s malformed', async (document) => {
    const ran = await verify(document, ...trust, '--json');
    expect([ran.code, errorOf(ran).code]).toEqual([1, 'proof-malformed']);
  });

  it('reads a document with a byte order mark, and numbers in any notation that keeps their digits [P5]', async () => {
    expect((await verify(`\uFEFF${JSON.stringify(prove('k50'))}`, ...trust)).code).toBe(0);
    expect((await verify(JSON.stringify(prove('k50')).replace('"value":50', '"value":5.0e1'), ...trust)).code).toBe(0);
  });

  it('ends with a cause for a directory and for a file without an end', async () => {
    for (const [path, code] of [
      [dir, 'file-unreadable'],
      ['/dev/zero', 'file-too-large'],
    ] as const) {
      const ran = await run(['proof', 'verify', path, ...trust, '--json'], { cwd: dir });
      expect([ran.code, errorOf(ran).code]).toEqual([1, code]);
    }
  });

  it('shows the time of a head that no calendar has', async () => {
    const head = createSignedHead(
      {
        ...decodeSignedHead(new Uint8Array(Buffer.from(prove('k1').head ?? '', 'base64url'))).head,
        wallMs: 2 ** 53 - 1,
      },
      (m) => server.sign(m),
    );
    const ran = await verify({ ...prove('k1'), head: text(head.bytes) }, ...trust);
    expect([ran.code, ran.out]).toEqual([0, expect.stringContaining('9007199254740991 ms after 1970')]);
  });
});

describe('what was asked', () => {
  const stranger = createSigner(seed(9));

  it('is not verified without a trust list, whatever else holds; a new key signs anything [P8]', async () => {
    for (const signer of [server, stranger]) {
      const ran = await verify(prove('k1', signer), '--json');
      expect([ran.code, errorOf(ran).code]).toEqual([1, 'trust-needed']);
      const answer = JSON.parse(ran.out) as { verdict: string; checks: { check: string; result: string }[] };
      expect(answer.verdict).toBe('not-verified');
      expect(answer).not.toHaveProperty('value');
      expect(answer.checks.filter(({ result }) => result === 'not-checked').map(({ check }) => check)).toEqual([
        'key',
        'network',
        'root',
        'rosters',
        'signer',
        'writers',
      ]);
    }
    const { code, out } = await verify(prove('k1'));
    expect([code, out]).toEqual([1, expect.not.stringContaining('held')]);
  });

  it('may be less, with a warning [P8]', async () => {
    const ran = await verify(prove('k1', stranger), '--insecure-any-key', '--json');
    expect([ran.code, ran.err]).toEqual([0, expect.stringContaining('warning: no key was checked')]);
    expect(JSON.parse(ran.out)).toMatchObject({ verdict: 'any-key', value: 1 });
    expect((await verify(prove('k1'), '--insecure-any-key', ...trust)).code).toBe(2);
  });

  it.each([
    ['another key', ['--key', 'k2'], 'the key "k1", not about "k2"'],
    ['another network', ['--network', 'other'], 'the network "test/network", not about "other"'],
    ['another root', ['--root', '00'.repeat(32)], 'not about'],
    ['another value', ['--value', '2'], 'not the one that was asked for'],
    ['the value as text', ['--value', '"1"'], 'not the one that was asked for'],
    ['absence', ['--absent'], 'the key had a value'],
  ])('is refused when it was %s [P8]', async (_name, argv, why) => {
    const ran = await verify(prove('k1'), ...trust, ...argv);
    expect([ran.code, ran.err]).toEqual([1, expect.stringContaining(why)]);
  });

  it('is said to be so, each thing that was asked [P8]', async () => {
    const root = bytesToHex(tree.root()).toUpperCase();
    const asked = ['--key', 'k1', '--network', NETWORK, '--root', root, '--value', '1.0'];
    const ran = await verify(prove('k1'), ...trust, ...asked, '--json');
    const { checks } = JSON.parse(ran.out) as { checks: { result: string }[] };
    expect([ran.code, checks.every(({ result }) => result === 'ok')]).toEqual([0, true]);
    for (const key of ['never', 'gone']) {
      expect((await verify(prove(key), ...trust, '--key', key, '--absent')).code).toBe(0);
      expect((await verify(prove(key), ...trust, '--value', '1')).err).toContain('the key had no value');
    }
    expect((await verify(prove('k1'), ...trust, '--absent', '--value', '1')).code).toBe(2);
    expect((await verify(prove('k1'), ...trust, '--value', '{')).code).toBe(2);
  });
});

describe('--trust', () => {
  const signers = [writer, other, server];
  const fleet = (change: object = {}) => ({
    network: NETWORK,
    nodes: signers.map(({ author }, i) => ({
      name: `n${i}`,
      role: '',
      peerId: authorToPeerId(author),
      publicKey: author,
      api: 'http://127.0.0.1:1',
      p2p: '',
      envFile: `n${i}.env`,
      ...change,
    })),
  });
  const verifyWith = (content: string, ...argv: string[]) => {
    writeFileSync(join(dir, 'trust'), content);
    return verify(prove('k1'), '--trust', 'trust', ...argv);
  };
  const keys = signers.map(({ author }) => author);

  it.each([
    ['a fleet.json', JSON.stringify(fleet())],
    ['a fleet.json with a byte order mark', `\uFEFF${JSON.stringify(fleet())}`],
    ['an env file', `DIOTEC360_API_TOKEN=secret\nDIOTEC360_TRUSTED_STATE_PUBKEYS=${keys.join(',')}\n`],
    ['a file of keys', `# the fleet\n${keys.join('\n')}\n`],
    ['a file of peer ids', keys.map((key) => `${authorToPeerId(key)} # of a node\n`).join('')],
  ])('takes %s', async (_name, content) => {
    const ran = await verifyWith(content);
    expect([ran.code, ran.err]).toEqual([0, expect.not.stringContaining('secret')]);
  });

  it('names the node by the name that the fleet.json has', async () => {
    const named = await verifyWith(JSON.stringify(fleet()));
    expect(named.out).toContain(`✓ the head is signed by n2 (${server.author})`);
    expect(named.out).toContain(`node n2 (${authorToPeerId(server.author)}) held the value`);
    expect((await verifyWith(keys.join('\n'))).out).toContain(`node ${authorToPeerId(server.author)} held the value`);
  });

  it('takes keys and peer ids with commas', async () => {
    const list = keys.map((key, i) => (i === 0 ? authorToPeerId(key) : key.toUpperCase())).join(', ');
    expect((await verify(prove('k1'), '--trust', list)).code).toBe(0);
  });

  it('asks for the network of the fleet.json', async () => {
    const ran = await verifyWith(JSON.stringify({ ...fleet(), network: 'other' }));
    expect([ran.code, ran.err]).toEqual([1, expect.stringContaining('not about "other"')]);
    expect((await verifyWith(JSON.stringify(fleet()), '--network', 'other')).code).toBe(2);
  });

  it.each([
    ['a key that is too short', keys.map((key) => key.slice(1)).join('\n'), 2],
    ['an env file without the list', 'DIOTEC360_API_TOKEN=secret\n', 2],
    ['an empty file', '', 2],
    ['a key of small order', '0'.repeat(64), 2],
    ['JSON of something else', '{"a":1}', 1],
    ['a fleet.json whose key and peer id differ', JSON.stringify(fleet({ publicKey: writer.author })), 1],
  ])('refuses %s', async (_name, content, code) => {
    const ran = await verifyWith(content);
    expect([ran.code, ran.err]).toEqual([code, expect.not.stringContaining('secret')]);
  });

  it('refuses a list with a wrong key in it, and a file that is not there', async () => {
    expect((await verify(prove('k1'), '--trust', `${writer.author},abc`)).code).toBe(2);
    expect((await verify(prove('k1'), '--trust', 'nowhere')).code).toBe(2);
    expect((await verify(prove('k1'), '--trust', '')).code).toBe(2);
  });
});

describe('cuts verify', () => {
  const claim = {
    network: NETWORK,
    at: 1_767_225_610_000,
    root: new Uint8Array(32).fill(7),
    entries: 5,
    trustHash: trustHash(
      [writer, other, server].map(({ author }) => author),
      hasher,
    ),
  };
  const certificateBy = (signers: readonly (typeof writer)[]): string =>
    text(
      encodeCertificate({
        ...claim,
        signers: signers
          .map((signer) => {
            const { author } = signer;
            const signed = createSignedAttestation({ ...claim, author }, (m) => signer.sign(m));
            return { author, signature: signed.signature };
          })
          .sort((a, b) => (a.author < b.author ? -1 : 1)),
      }),
    );
  const check = (content: string, ...argv: string[]) => {
    writeFileSync(join(dir, 'c'), content);
    return run(['cuts', 'verify', 'c', ...argv], { cwd: dir });
  };
  const good = certificateBy([writer, server]);

  it('holds for what cuts certificate writes, as text and as JSON [Z4, Z5]', async () => {
    for (const content of [`${good}\n`, JSON.stringify({ at: claim.at, certificate: good })]) {
      const asked = ['--network', NETWORK, '--root', '07'.repeat(32), '--at', String(claim.at)];
      const ran = await check(content, ...trust, ...asked);
      expect([ran.code, ran.out]).toEqual([0, expect.stringContaining('2 of 3 trusted nodes of test/network')]);
    }
    expect(JSON.parse((await check(good, ...trust, '--json')).out)).toMatchObject({ verdict: 'verified', quorum: 2 });
  });

  it.each([
    ['no trust list', good, [], 'trust-needed'],
    ['another trust list', good, ['--trust', writer.author], 'proof-invalid'],
    ['too few signatures', certificateBy([writer]), trust, 'proof-invalid'],
    ['another network', good, [...trust, '--network', 'other'], 'proof-invalid'],
    ['another root', good, [...trust, '--root', '00'.repeat(32)], 'proof-invalid'],
    ['another time', good, [...trust, '--at', '5'], 'proof-invalid'],
    ['another time beside it', JSON.stringify({ at: 5, certificate: good }), trust, 'proof-malformed'],
    ['a changed signature', `${good.slice(0, -2)}AA`, trust, 'proof-invalid'],
    ['a proof document', JSON.stringify(prove('k1')), trust, 'proof-malformed'],
    ['nothing', '', trust, 'proof-malformed'],
  ])('refuses %s [Z4, Z5]', async (_name, content, argv, code) => {
    const ran = await check(content, ...argv, '--json');
    expect([ran.code, errorOf(ran).code]).toEqual([1, code]);
    expect(JSON.parse(ran.out)).toMatchObject({ verdict: code === 'trust-needed' ? 'not-verified' : 'refused' });
  });
});
