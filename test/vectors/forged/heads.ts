import { type Author, type Bytes, concatBytes } from '../../../src/core/types/index.ts';
import { decodeSignedHead } from '../../../src/core/wire/index.ts';
import { encodeCbor } from '../../unit/core/cbor/reference.ts';
import type { Forged } from './corpus.ts';
import {
  ABSENT,
  alice,
  asked,
  base64url,
  bob,
  certificateBy,
  DELETED,
  FIVE,
  FLEET,
  flipped,
  fromHex,
  headBy,
  json,
  NETWORK,
  prove,
  withOrder,
} from './world.ts';

/** Flaws of the head and of its signature. */
export function headFlaws(): Forged[] {
  const good = decodeSignedHead(headBy(alice));
  const flaw = (
    name: string,
    rule: string,
    head: Bytes,
    document = prove(FIVE, 'head'),
    fails: Forged['fails'] = 'signature',
  ): Forged => ({
    name: `the head: ${name}`,
    rule,
    fails,
    asked: asked(document),
    text: json({ ...document, head: base64url(head) }),
  });
  const signed = (payload: Bytes, domain = 'diotec360/lattice/head/v1:', signer = alice): Bytes =>
    encodeCbor([payload, signer.sign(concatBytes(new TextEncoder().encode(domain), payload))]);
  const { payloadBytes, signature } = good;
  const h = good.head;
  const fields: readonly unknown[] = [
    1,
    h.network,
    alice.publicKey,
    h.incarnation,
    h.sequence,
    fromHex('019b76dac0780000'),
    h.root,
    h.entries,
    h.trustHash,
    h.wallMs,
  ];
  const withField = (at: number, is: unknown): Bytes =>
    signed(encodeCbor(fields.map((one, i) => (i === at ? is : one))));
  const text = Buffer.from(payloadBytes).toString('hex');
  const small = `01${'00'.repeat(31)}` as Author;
  const smallHead = encodeCbor([
    encodeCbor(fields.map((one, i) => (i === 2 ? fromHex(small) : one))),
    concatBytes(fromHex(small), new Uint8Array(32)),
  ]);
  return [
    flaw('a changed bit in its signature', 'K1', encodeCbor([payloadBytes, flipped(signature, 5)])),
    flaw(
      'a changed bit in its signature, for a deletion',
      'K1',
      encodeCbor([payloadBytes, flipped(signature, 40)]),
      prove(DELETED, 'head'),
    ),
    flaw(
      'a changed bit in its signature, for absence',
      'K1',
      encodeCbor([payloadBytes, flipped(signature, 63)]),
      prove(ABSENT, 'head'),
    ),
    flaw('S with the group order added', 'K1', encodeCbor([payloadBytes, withOrder(signature)])),
    flaw('a signature of zeros', 'K1', encodeCbor([payloadBytes, new Uint8Array(64)])),
    flaw('the signature of another node', 'E2', signed(payloadBytes, undefined, bob)),
    flaw('a signature under the domain of commits', 'E2', signed(payloadBytes, 'diotec360/lattice/commit/v1:')),
    flaw('a signature under the domain of cuts', 'E2', signed(payloadBytes, 'diotec360/lattice/cut/v1:')),
    flaw('a signature without a domain', 'E2', signed(payloadBytes, '')),
    flaw(
      'another time under the same signature',
      'E2',
      encodeCbor([flipped(payloadBytes, payloadBytes.length - 1), signature]),
    ),
    { ...flaw('a key of small order, which anyone can sign for', 'K2', smallHead), trusted: [...FLEET, small] },
    flaw('of version 2', 'E1', withField(0, 2)),
    flaw('of version 1 as text', 'E1', withField(0, '1')),
    flaw('an empty network', 'E1', withField(1, '')),
    flaw('a network as bytes', 'E1', withField(1, new TextEncoder().encode(NETWORK))),
    flaw('a key of 31 bytes', 'E1', withField(2, alice.publicKey.slice(1))),
    flaw('an incarnation of 7 bytes', 'E1', withField(3, new Uint8Array(7))),
    flaw('a negative number', 'E1', withField(4, -1)),
    flaw('a fraction as number', 'E1', withField(4, 0.5)),
    flaw('an HLC of 9 bytes', 'E1', withField(5, new Uint8Array(9))),
    flaw('a root of 31 bytes', 'E1', withField(6, h.root.slice(1))),
    flaw('null for the number of keys', 'E1', withField(7, null)),
    flaw('a trust hash as text', 'E1', withField(8, 'a'.repeat(32))),
    flaw('a list for its time', 'E1', withField(9, [1])),
    flaw('an element less', 'E1', signed(encodeCbor(fields.slice(0, 9)))),
    flaw('an element more', 'E1', signed(encodeCbor([...fields, 0]))),
    flaw('a byte after it', 'B6', signed(concatBytes(payloadBytes, Uint8Array.of(0)))),
    flaw('a version in two bytes', 'B2', signed(fromHex(text.replace(/^8a01/, '8a1801')))),
    flaw('an array without a length', 'B1', signed(fromHex(`9f${text.slice(2)}ff`))),
    flaw('a tag', 'B1', signed(fromHex(`c1${text}`))),
    flaw('a signature of 63 bytes', 'E2', encodeCbor([payloadBytes, signature.slice(1)])),
    flaw('a third element', 'E2', encodeCbor([payloadBytes, signature, 0])),
    flaw('no signature', 'E2', encodeCbor([payloadBytes])),
    flaw('bytes after the signature', 'B6', concatBytes(good.bytes, Uint8Array.of(0))),
    flaw('no bytes', 'E2', new Uint8Array()),
    flaw('513 bytes', 'E2', encodeCbor([concatBytes(payloadBytes, new Uint8Array(513)), signature])),
    flaw('a certificate in its place', 'E2', certificateBy([alice, bob])),
  ];
}
