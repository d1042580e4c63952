import { readFileSync, writeFileSync } from 'node:fs';
import { ed25519 } from '@noble/curves/ed25519.js';
import { describe, expect, it } from 'vitest';
import { type Bytes, bytesToHex, hexToBytes } from '../../src/core/types/index.ts';
import {
  attestationSigningBytes,
  certificateToAttestations,
  createSignedAttestation,
  decodeCertificate,
  decodeSignedAttestation,
  encodeCertificate,
} from '../../src/core/wire/attestation.ts';
import { decodeGossip, encodeGossip } from '../../src/core/wire/gossip.ts';
import { trustHash } from '../../src/core/wire/head.ts';
import { decodeSync, encodeSync } from '../../src/core/wire/sync.ts';
import { filled, hasher, TEST_SEED, testKey } from '../unit/core/wire/support.ts';

const FILE = new URL('./cuts.json', import.meta.url);
const OTHER_SEED = filled(32, 2);

/** Every vector from its fixed inputs. */
function generate() {
  const [one, other] = [testKey(TEST_SEED), testKey(OTHER_SEED)];
  const claim = {
    network: 'vectors',
    at: 1_767_225_610_000,
    root: Uint8Array.from({ length: 32 }, (_, i) => 0x40 + i),
    entries: 1000,
    trustHash: trustHash([one.author, other.author], hasher),
  };
  const first = createSignedAttestation({ ...claim, author: one.author }, one.sign);
  const second = createSignedAttestation({ ...claim, author: other.author }, other.sign);
  const signers = [first, second]
    .map(({ attestation, signature }) => ({ author: attestation.author, signature }))
    .sort((a, b) => (a.author < b.author ? -1 : 1));
  const certificate = encodeCertificate({ ...claim, signers });
  const hex = {
    firstSeed: TEST_SEED,
    secondSeed: OTHER_SEED,
    payload: first.payloadBytes,
    signing: attestationSigningBytes(first.payloadBytes),
    signedAttestation: first.bytes,
    secondSigning: attestationSigningBytes(second.payloadBytes),
    secondSignedAttestation: second.bytes,
    certificate,
    gossip: encodeGossip({ type: 'attestation', attestation: first }),
    attest: encodeSync({ type: 'attest', attestations: [first.bytes, second.bytes] }),
    attested: encodeSync({ type: 'attested', certificate, attestations: [second.bytes] }),
  };
  return {
    note: 'Hex. The seeds are Ed25519 test keys: never use them elsewhere.',
    ...(Object.fromEntries(Object.entries(hex).map(([name, bytes]) => [name, bytesToHex(bytes)])) as Record<
      keyof typeof hex,
      string
    >),
  };
}

const generated = generate();
if (process.env['UPDATE_VECTORS'] === '1') writeFileSync(FILE, `${JSON.stringify(generated, null, 2)}\n`);
const vectors = JSON.parse(readFileSync(FILE, 'utf8')) as typeof generated;
const bytes = (name: keyof typeof generated): Bytes => hexToBytes(vectors[name]) as Bytes;

describe('golden vectors: attestations and certificates', () => {
  it('are what the encoders give [Z3, Z4, Z6]', () => {
    expect(generated).toEqual(vectors);
  });

  it('are what another Ed25519 implementation signs [Z3]', () => {
    expect(decodeSignedAttestation(bytes('signedAttestation')).signature).toEqual(
      ed25519.sign(bytes('signing'), bytes('firstSeed')),
    );
    expect(decodeSignedAttestation(bytes('secondSignedAttestation')).signature).toEqual(
      ed25519.sign(bytes('secondSigning'), bytes('secondSeed')),
    );
  });

  it('decode, the certificate into the attestations that it was made of [Z4]', () => {
    const parts = certificateToAttestations(decodeCertificate(bytes('certificate'))).map((a) => bytesToHex(a.bytes));
    expect(parts.toSorted()).toEqual([vectors.signedAttestation, vectors.secondSignedAttestation].toSorted());
    expect(bytesToHex(encodeGossip(decodeGossip(bytes('gossip'), { stream: false })))).toBe(vectors.gossip);
    for (const name of ['attest', 'attested'] as const)
      expect(bytesToHex(encodeSync(decodeSync(bytes(name))))).toBe(vectors[name]);
  });
});
