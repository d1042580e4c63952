import { describe, expect, it } from 'vitest';
import { createVerifier } from '../../../../src/adapters/system/index.ts';
import { quorumOf } from '../../../../src/core/cut/index.ts';
import { type CertifiedCut, checkCutCertificate, firstSpan, spanWithHash } from '../../../../src/core/roster/index.ts';
import type { Author, Bytes } from '../../../../src/core/types/index.ts';
import {
  type Certificate,
  createSignedAttestation,
  decodeCertificate,
  encodeCertificate,
} from '../../../../src/core/wire/attestation.ts';
import { trustHash } from '../../../../src/core/wire/head.ts';
import { alice, bob, codeOf, filled, hasher, testKey } from '../wire/support.ts';

const carol = testKey(filled(32, 3));
const mallory = testKey(filled(32, 9));
const trusted: readonly Author[] = [alice.author, bob.author, carol.author];
const NETWORK = 'test';
const claim = {
  network: NETWORK,
  at: 1_767_225_610_000,
  root: filled(32, 1),
  entries: 7,
  trustHash: trustHash(trusted, hasher),
};
const verifier = createVerifier();

function certified(keys: readonly ReturnType<typeof testKey>[], changes: Partial<Certificate> = {}): Bytes {
  const signers = keys
    .map((key) => ({
      author: key.author,
      signature: createSignedAttestation({ ...claim, author: key.author }, key.sign).signature,
    }))
    .toSorted((a, b) => (a.author < b.author ? -1 : 1));
  return encodeCertificate({ ...claim, signers, ...changes });
}

function checkCertificate(bytes: Bytes, given: typeof options): CertifiedCut {
  const spans = [firstSpan(given.trusted, hasher)];
  return checkCutCertificate(bytes, { network: given.network, withHash: (hash) => spanWithHash(spans, hash) });
}

const options = { trusted, network: NETWORK };
const code = (bytes: Bytes, more: Partial<typeof options> = {}) =>
  codeOf(() => checkCertificate(bytes, { ...options, ...more }));

/** As a verifier goes about it. */
async function holds(bytes: Bytes): Promise<boolean> {
  if (code(bytes) !== 'accepted') return false;
  const { signatures } = checkCertificate(bytes, options);
  const good = await Promise.all(signatures.map((s) => verifier.verify(s.author, s.message, s.signature)));
  return good.every(Boolean);
}

describe('a quorum certificate', () => {
  it('takes more than half of the trust list [Z5]', () => {
    expect([1, 2, 3, 4, 5, 256].map(quorumOf)).toEqual([1, 2, 2, 3, 3, 129]);
  });

  it('holds with a quorum of trusted signers, others not counted [Z5]', async () => {
    expect(await holds(certified([alice, bob]))).toBe(true);
    expect(await holds(certified([alice, bob, carol]))).toBe(true);
    expect(await holds(certified([alice, bob, mallory]))).toBe(true);
    expect(code(certified([alice]))).toBe('not-certified');
    expect(code(certified([alice, mallory]))).toBe('not-certified');
  });

  it('is of the network and the trust list that the verifier knows [Z5]', () => {
    const good = certified([alice, bob]);
    expect(code(good, { network: 'other' })).toBe('not-certified');
    expect(code(good, { trusted: [alice.author, bob.author] })).toBe('not-certified');
    expect(code(good, { trusted: [...trusted].reverse() })).toBe('accepted');
    expect(code(good, { trusted: [...trusted, carol.author] })).toBe('accepted');
  });

  it('is of the time of its roster, which the refusal tells in words [Z12]', () => {
    const span = firstSpan(trusted, hasher);
    const refusal = (time: Partial<typeof span>): unknown => {
      try {
        return checkCutCertificate(certified([alice, bob]), {
          network: NETWORK,
          withHash: () => ({ ...span, ...time }),
        });
      } catch (error) {
        return String(error);
      }
    };
    expect(refusal({ start: claim.at - 1, end: claim.at })).toMatchObject({ quorum: 2 });
    expect(refusal({ start: claim.at })).toMatch(/it is of no later time than the start of epoch 0, [^\d]*$/);
    expect(refusal({ end: claim.at - 1 })).toMatch(/it is of a later time than the end of epoch 0, [^\d]*$/);
  });

  it.each<[string, Partial<Certificate>]>([
    ['network', { network: 'tesu' }],
    ['time', { at: claim.at + 10_000 }],
    ['root', { root: filled(32, 2) }],
    ['entries', { entries: 8 }],
    ['trust hash', { trustHash: filled(32, 2) }],
  ])('does not hold with another %s than was signed [Z5]', async (_, changes) => {
    expect(await holds(certified([alice, bob], changes))).toBe(false);
  });

  it('does not hold with any byte changed [Z5]', async () => {
    const good = certified([alice, bob]);
    for (let at = 0; at < good.length; at++) {
      const bytes = good.slice();
      bytes[at] = (bytes[at] as number) ^ 1;
      expect(await holds(bytes), `byte ${at}`).toBe(false);
    }
  });

  it('does not hold with the signatures of two signers exchanged [Z5]', async () => {
    const { signers, ...state } = decodeCertificate(certified([alice, bob]));
    const [one, two] = signers as [Certificate['signers'][number], Certificate['signers'][number]];
    const exchanged = [
      { author: one.author, signature: two.signature },
      { author: two.author, signature: one.signature },
    ];
    expect(await holds(encodeCertificate({ ...state, signers: exchanged }))).toBe(false);
  });
});
