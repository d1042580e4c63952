import { type Author, type Bytes, concatBytes } from '../../../src/core/types/index.ts';
import { decodeCertificate, trustHash } from '../../../src/core/wire/index.ts';
import { encodeCbor } from '../../unit/core/cbor/reference.ts';
import type { Asked, Forged, Good } from './corpus.ts';
import {
  ABSENT,
  alice,
  asked,
  base64url,
  bob,
  CONFLICT,
  carol,
  certificateBy,
  DELETED,
  type Document,
  FIVE,
  FLEET,
  flipped,
  fromHex,
  hasher,
  headBy,
  json,
  NETWORK,
  PRESENT,
  prove,
  rootOf,
  STATE,
  stranger,
  T,
  withOrder,
} from './world.ts';

const ROOT = Buffer.from(rootOf(STATE)).toString('hex');
const ASKED: Asked = { network: NETWORK, root: ROOT, at: T };
const good = certificateBy([alice, carol]);

export function goodCertificates(): Good[] {
  const text = base64url(good);
  return [
    { name: 'a line of text', asked: ASKED, text: `${text}\n` },
    { name: 'text without a line end', asked: {}, text },
    { name: 'text with another line end', asked: {}, text: `${text}\r\n` },
    { name: 'text with a byte order mark', asked: {}, text: `\uFEFF${text}` },
    { name: 'JSON', asked: ASKED, text: json({ at: T, certificate: text }) },
    { name: 'JSON with white space', asked: ASKED, text: JSON.stringify({ certificate: text, at: T }, null, 2) },
    { name: 'the signatures of everybody', asked: ASKED, text: base64url(certificateBy([alice, bob, carol])) },
    {
      name: 'a signer who does not count',
      asked: ASKED,
      text: base64url(certificateBy([alice, bob, stranger])),
    },
    {
      name: 'a quorum of a trust list of one',
      asked: ASKED,
      trusted: [bob.author],
      text: base64url(certificateBy([bob], { trustHash: trustHash([bob.author], hasher) })),
    },
  ];
}

interface Flaw {
  readonly name: string;
  readonly rule: string;
  /** Whether the bytes are no certificate, rather than one that does not hold. */
  readonly malformed: boolean;
  readonly bytes: Bytes;
  readonly trusted?: readonly Author[];
}

/** Flaws of the bytes of a certificate, wherever it stands. */
function byteFlaws(): Flaw[] {
  const { network, at, root, entries, trustHash: trust, signers } = decodeCertificate(good);
  const pairs = signers.map(({ author, signature }) => concatBytes(fromHex(author), signature));
  const [one, other] = pairs as [Bytes, Bytes];
  const fields: readonly unknown[] = [1, network, at, root, entries, trust, concatBytes(...pairs)];
  const withField = (index: number, is: unknown): Bytes => encodeCbor(fields.map((old, i) => (i === index ? is : old)));
  const signed = (...list: Bytes[]): Bytes => withField(6, concatBytes(...list));
  const invalid = (name: string, rule: string, bytes: Bytes): Flaw => ({ name, rule, malformed: false, bytes });
  const malformed = (name: string, rule: string, bytes: Bytes): Flaw => ({ name, rule, malformed: true, bytes });
  const text = Buffer.from(good).toString('hex');
  const small = `01${'00'.repeat(31)}` as Author;
  const list = [small, ...FLEET].slice(0, 3).sort();
  const forAnyone = concatBytes(fromHex(small), fromHex(small), new Uint8Array(32));
  return [
    invalid('one signature, and no quorum', 'Z5', signed(one)),
    invalid('a quorum only with a stranger', 'Z5', certificateBy([alice, stranger])),
    invalid('a signature with a changed bit', 'Z5', signed(one, flipped(other, 40))),
    invalid('the first signature with a changed bit', 'Z5', signed(flipped(one, 95), other)),
    invalid('three signatures, one of them bad', 'Z5', badThird()),
    invalid(
      'S with the group order added',
      'K1',
      signed(concatBytes(one.subarray(0, 32), withOrder(one.subarray(32))), other),
    ),
    invalid(
      'the signature of one author under two names',
      'Z5',
      signed(one, concatBytes(other.subarray(0, 32), one.subarray(32))),
    ),
    invalid('another time than the one that was signed', 'Z4', withField(2, at + 10_000)),
    invalid('another root than the one that was signed', 'Z4', withField(3, flipped(root, 0))),
    invalid('another number of keys than the one that was signed', 'Z4', withField(4, entries + 1)),
    invalid('another network than the one that was signed', 'Z4', withField(1, 'elsewhere')),
    invalid('the trust hash of another list', 'Z5', withField(5, trustHash([alice.author, carol.author], hasher))),
    invalid(
      'a trust list of its own signers',
      'Z5',
      certificateBy([alice, carol], { trustHash: trustHash([alice.author, carol.author], hasher) }),
    ),
    {
      ...invalid(
        'a key of small order, which anyone can sign for',
        'K2',
        encodeCbor([1, network, at, root, entries, trustHash(list, hasher), concatBytes(forAnyone, one)]),
      ),
      trusted: list,
    },
    malformed('signers in another order', 'Z4', signed(other, one)),
    malformed('a signer twice', 'Z4', signed(one, one)),
    malformed('no signers', 'Z4', signed()),
    malformed('a signer of 95 bytes', 'Z4', withField(6, concatBytes(...pairs).slice(1))),
    malformed('257 signers', 'Z4', withField(6, manySigners(257))),
    malformed('version 2', 'Z4', withField(0, 2)),
    malformed('version 1 as text', 'Z4', withField(0, '1')),
    malformed('an empty network', 'Z4', withField(1, '')),
    malformed('a network of 129 bytes', 'L1', withField(1, 'n'.repeat(129))),
    malformed('the time 0', 'Z4', withField(2, 0)),
    malformed('the time 2^48', 'Z4', withField(2, 2 ** 48)),
    malformed('a negative time', 'Z4', withField(2, -1)),
    malformed('a time with a fraction', 'Z4', withField(2, at + 0.5)),
    malformed('a root of 33 bytes', 'Z4', withField(3, concatBytes(root, root.subarray(0, 1)))),
    malformed('a root as text', 'Z4', withField(3, 'r'.repeat(32))),
    malformed('null for the number of keys', 'Z4', withField(4, null)),
    malformed('a trust hash of 31 bytes', 'Z4', withField(5, trust.slice(1))),
    malformed('a list for the signers', 'Z4', withField(6, pairs)),
    malformed('an element less', 'Z4', encodeCbor(fields.slice(0, 6))),
    malformed('an element more', 'Z4', encodeCbor([...fields, 0])),
    malformed('a byte left over', 'B6', concatBytes(good, Uint8Array.of(0))),
    malformed('a byte missing', 'B6', good.slice(0, -1)),
    malformed('a version in two bytes', 'B2', fromHex(text.replace(/^8701/, '871801'))),
    malformed('an array without a length', 'B1', fromHex(`9f${text.slice(2)}ff`)),
    malformed('a tag', 'B1', fromHex(`d9d9f7${text}`)),
    malformed('a map', 'Z4', encodeCbor({ a: 1 })),
    malformed('a head in its place', 'Z4', headBy(alice)),
    malformed('no bytes', 'Z4', new Uint8Array()),
  ];
}

/** A certificate by the whole fleet, whose last signature is bad: a quorum without it does not mend it. */
function badThird(): Bytes {
  const all = certificateBy([alice, bob, carol]);
  return flipped(all, all.length - 20);
}

const manySigners = (count: number): Bytes =>
  concatBytes(
    ...Array.from({ length: count }, (_, i) => concatBytes(Uint8Array.of(i >> 8, i & 255), new Uint8Array(94))),
  );

/** Certificates by themselves. */
export function certificateFlaws(): Forged[] {
  const text = base64url(good);
  const ofOne = base64url(certificateBy([alice, carol], { at: 1 }));
  const flaw = (name: string, rule: string, fails: Forged['fails'], written: string, about: Asked = ASKED): Forged => ({
    name,
    rule,
    fails,
    asked: about,
    text: written,
  });
  return [
    ...byteFlaws().map(({ name, rule, malformed, bytes, trusted }) => ({
      // What is asked would show the changed fields too.
      ...flaw(name, rule, malformed ? 'form' : 'signature', `${base64url(bytes)}\n`, {}),
      ...(trusted === undefined ? {} : { trusted }),
    })),
    flaw('of another network', 'Z5', 'network', text, { ...ASKED, network: 'elsewhere' }),
    flaw('of another root', 'Z5', 'root', text, { ...ASKED, root: '00'.repeat(32) }),
    flaw('of another time', 'Z5', 'time', text, { ...ASKED, at: T + 10_000 }),
    { ...flaw('no trust list', 'P8', 'signature', text), trusted: [] },
    { ...flaw('a trust list with a member more', 'Z5', 'signature', text), trusted: [...FLEET, stranger.author] },
    { ...flaw('a trust list with a member less', 'Z5', 'signature', text), trusted: FLEET.slice(1) },
    flaw('padding', 'Z5', 'form', `${text}${'='.repeat(-text.length & 3 || 4)}`),
    flaw('two line ends', 'Z5', 'form', `${text}\n\n`),
    flaw('a line end in the middle', 'Z5', 'form', `${text.slice(0, 76)}\n${text.slice(76)}`),
    flaw('a space before it', 'Z5', 'form', ` ${text}`),
    flaw('the certificate twice', 'Z5', 'form', `${text}\n${text}\n`),
    flaw('hex digits', 'Z5', 'form', Buffer.from(good).toString('hex')),
    flaw('nothing', 'Z5', 'form', ''),
    flaw('JSON: another time beside it', 'Z5', 'form', json({ at: T + 10_000, certificate: text }), {}),
    flaw('JSON: a member more', 'Z5', 'form', json({ at: T, certificate: text, root: ROOT })),
    flaw('JSON: no time', 'Z5', 'form', json({ certificate: text })),
    flaw('JSON: true as the time 1', 'Z5', 'form', `{"at":true,"certificate":"${ofOne}"}`, {}),
    flaw('JSON: two byte order marks', 'P5', 'form', `\uFEFF\uFEFF${json({ at: T, certificate: text })}`),
    flaw('JSON: null as time', 'Z5', 'form', json({ at: null, certificate: text })),
    flaw('JSON: a time as text', 'Z5', 'form', json({ at: String(T), certificate: text })),
    flaw('JSON: a name twice', 'V6', 'form', `{"at":1,"at":${T},"certificate":"${text}"}`),
    flaw('JSON: the certificate twice', 'V6', 'form', `{"at":${T},"certificate":"AA","certificate":"${text}"}`),
    flaw('JSON: a time with digits that are lost', 'P5', 'form', `{"at":${T}.00000000001,"certificate":"${text}"}`),
    flaw('JSON: a list', 'Z5', 'form', json([T, text])),
    flaw('JSON: a proof document', 'Z5', 'form', json(prove(FIVE, 'cut'))),
    {
      name: 'a byte that is no UTF-8',
      rule: 'Z5',
      fails: 'form',
      asked: ASKED,
      base64: Buffer.concat([Buffer.from(text), Uint8Array.of(0xff)]).toString('base64'),
    },
  ];
}

/** The same flaws where the certificate vouches for a proof. */
export function certificateInProofFlaws(): Forged[] {
  const keys = [FIVE, DELETED, ABSENT, PRESENT, CONFLICT];
  const documents = keys.map((key) => prove(key, 'cut')) as [Document, ...Document[]];
  return byteFlaws().map(({ name, rule, bytes, trusted }, i) => {
    const document = documents[i % documents.length] as Document;
    return {
      name: `the certificate: ${name}`,
      rule,
      fails: 'signature',
      asked: asked(document),
      ...(trusted === undefined ? {} : { trusted }),
      text: json({ ...document, certificate: base64url(bytes) }),
    };
  });
}
