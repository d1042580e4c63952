import { verify } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Author, Bytes } from '../../../../src/core/types/index.ts';
import {
  type Attestation,
  attestationSigningBytes,
  type Certificate,
  certificateToAttestations,
  createSignedAttestation,
  decodeCertificate,
  decodeSignedAttestation,
  encodeCertificate,
} from '../../../../src/core/wire/attestation.ts';
import { decodeGossip } from '../../../../src/core/wire/gossip.ts';
import { decodeSync, MAX_ATTESTATIONS } from '../../../../src/core/wire/sync.ts';
import { encodeCbor } from '../cbor/reference.ts';
import {
  alice,
  arbitraryAuthor,
  arbitraryBytes,
  arbitraryText,
  bob,
  codeOf,
  expectRobust,
  filled,
} from '../wire/support.ts';

const claim = fc.record({
  network: arbitraryText(128).filter((text) => text.length > 0),
  at: fc.integer({ min: 1, max: 2 ** 48 - 1 }),
  root: arbitraryBytes(32),
  entries: fc.nat(),
  trustHash: arbitraryBytes(32),
});
const sample: Attestation = {
  network: 'test',
  author: alice.author,
  at: 1_767_225_610_000,
  root: filled(32, 1),
  entries: 70_000,
  trustHash: filled(32, 2),
};
const signed = createSignedAttestation(sample, alice.sign);
const sorted = [alice, bob].toSorted((a, b) => (a.author < b.author ? -1 : 1));
const certificate: Certificate = {
  ...sample,
  signers: sorted.map((key) => ({
    author: key.author,
    signature: createSignedAttestation({ ...sample, author: key.author }, key.sign).signature,
  })),
};

const fields = (changes: Record<number, unknown> = {}): unknown[] => {
  const all: unknown[] = [1, 'test', alice.publicKey, 10_000, filled(32, 1), 5, filled(32, 2)];
  for (const [i, value] of Object.entries(changes)) all[Number(i)] = value;
  return all;
};
const codeOfPayload = (payload: unknown[]) =>
  codeOf(() => decodeSignedAttestation(encodeCbor([encodeCbor(payload), filled(64, 3)])));
const codeOfCertificate = (...rest: unknown[]) => codeOf(() => decodeCertificate(encodeCbor(rest)));
const signer = (id: number): Bytes => filled(96, id);
const packed = (...signers: Bytes[]): Bytes => new Uint8Array(Buffer.concat(signers));

describe('a signed attestation', () => {
  it('round trips every field [Z3]', () => {
    fc.assert(
      fc.property(claim, arbitraryAuthor, (state, author) => {
        const made = createSignedAttestation({ ...state, author }, alice.sign);
        expect(made.attestation).toEqual({ ...state, author });
        expect(decodeSignedAttestation(made.bytes)).toEqual(made);
      }),
      { numRuns: 100 },
    );
  });

  it('is signed over the domain tag and the payload [Z3]', () => {
    const message = Buffer.concat([Buffer.from('diotec360/lattice/cut/v1:'), signed.payloadBytes]);
    expect(Buffer.from(attestationSigningBytes(signed.payloadBytes))).toEqual(message);
    expect(verify(null, message, alice.keyObject, signed.signature)).toBe(true);
  });

  it('refuses or reproduces any other bytes', () => {
    expectRobust(
      {
        decode: decodeSignedAttestation,
        encode: (a: typeof signed) => createSignedAttestation(a.attestation, () => a.signature).bytes,
      },
      signed.bytes,
    );
  });

  it.each<[string, Record<number, unknown>, string]>([
    ['as it should be', {}, 'accepted'],
    ['another version', { 0: 2 }, 'unknown-version'],
    ['no network', { 1: '' }, 'malformed'],
    ['a network too long', { 1: 'n'.repeat(129) }, 'malformed'],
    ['a short author', { 2: filled(31, 1) }, 'malformed'],
    ['no time', { 3: 0 }, 'malformed'],
    ['a time beyond every clock', { 3: 2 ** 48 }, 'malformed'],
    ['a short root', { 4: filled(31, 1) }, 'malformed'],
    ['negative entries', { 5: -1 }, 'malformed'],
    ['a long trust hash', { 6: filled(33, 1) }, 'malformed'],
    ['a field too many', { 7: 0 }, 'malformed'],
  ])('is judged by its fields: %s [Z3]', (_, changes, code) => {
    expect(codeOfPayload(fields(changes))).toBe(code);
  });
});

describe('a certificate', () => {
  it('round trips, and comes apart into its attestations [Z4]', () => {
    fc.assert(
      fc.property(claim, fc.uniqueArray(arbitraryAuthor, { minLength: 1, maxLength: 256 }), (state, authors) => {
        const signers = authors.toSorted().map((author, i) => ({ author, signature: filled(64, i) }));
        const made = encodeCertificate({ ...state, signers });
        expect(decodeCertificate(made)).toEqual({ ...state, signers });
        expect(certificateToAttestations(decodeCertificate(made)).map((a) => [a.attestation, a.signature])).toEqual(
          signers.map(({ author, signature }) => [{ ...state, author }, signature]),
        );
      }),
      { numRuns: 30 },
    );
  });

  it('refuses or reproduces any other bytes', () => {
    expectRobust({ decode: decodeCertificate, encode: encodeCertificate }, encodeCertificate(certificate));
  });

  it('has 1 to 256 signers, strictly increasing [Z4]', () => {
    const state = ['test', 10_000, filled(32, 1), 5, filled(32, 2)];
    const many = (n: number): Bytes =>
      packed(
        ...Array.from(
          { length: n },
          (_, i) => new Uint8Array(Buffer.concat([Buffer.from([i >> 8, i & 255]), filled(94, 1)])),
        ),
      );
    expect(codeOfCertificate(1, ...state, packed(signer(1), signer(2)))).toBe('accepted');
    expect(codeOfCertificate(2, ...state, packed(signer(1)))).toBe('unknown-version');
    expect(codeOfCertificate(1, ...state, packed(signer(2), signer(1)))).toBe('malformed');
    expect(codeOfCertificate(1, ...state, packed(signer(1), signer(1)))).toBe('malformed');
    expect(codeOfCertificate(1, ...state, new Uint8Array(0))).toBe('malformed');
    expect(codeOfCertificate(1, ...state, filled(97, 1))).toBe('malformed');
    expect(codeOfCertificate(1, ...state, many(256))).toBe('accepted');
    expect(codeOfCertificate(1, ...state, many(257))).toBe('malformed');
  });

  it('cannot be encoded with a signer twice', () => {
    const [one] = certificate.signers as [{ author: Author; signature: Bytes }];
    expect(() => encodeCertificate({ ...certificate, signers: [one, one] })).toThrow(RangeError);
  });
});

describe('messages with attestations', () => {
  it('travel by gossip as well as by streams [G2, Z6]', () => {
    for (const stream of [false, true]) {
      expect(decodeGossip(encodeCbor([5, signed.bytes]), { stream })).toEqual({
        type: 'attestation',
        attestation: signed,
      });
    }
    expect(codeOf(() => decodeGossip(encodeCbor([5, filled(513, 1)]), { stream: false }))).toBe('malformed');
  });

  it('are bounded in number and size [S1, Z6]', () => {
    const code = (...message: unknown[]) => codeOf(() => decodeSync(encodeCbor(message)));
    const some = (n: number): Bytes[] => Array.from({ length: n }, () => filled(512, 1));
    expect(code(11, [])).toBe('accepted');
    expect(code(11, some(MAX_ATTESTATIONS))).toBe('accepted');
    expect(code(11, some(MAX_ATTESTATIONS + 1))).toBe('malformed');
    expect(code(11, [filled(513, 1)])).toBe('malformed');
    expect(code(11, [], 0)).toBe('malformed');
    expect(code(12, new Uint8Array(0), [])).toBe('accepted');
    expect(code(12, filled(256 * 96 + 513, 0), [])).toBe('malformed');
  });
});
