import { type Bytes, concatBytes } from '../../../src/core/types/index.ts';
import {
  commitSigningBytes,
  createCommit,
  decodeFragment,
  encodeFragment,
  encodeOperation,
  opsRoot,
  pickOperations,
} from '../../../src/core/wire/index.ts';
import { encodeCbor } from '../../unit/core/cbor/reference.ts';
import type { Asked, Forged, Good } from './corpus.ts';
import {
  alice,
  base64url,
  bob,
  del,
  flipped,
  fromHex,
  hasher,
  hlcAt,
  NETWORK,
  put,
  RICH,
  type Signer,
  stranger,
  T,
  withOrder,
} from './world.ts';

const OPERATIONS = [put('a', RICH), put('b', 5), del('c'), put('d', 'four'), put('e', null)];
const whole = createCommit(
  { network: NETWORK, author: alice.author, hlc: hlcAt(T), operations: OPERATIONS },
  hasher,
  (m) => alice.sign(m),
);
const ASKED: Asked = { network: NETWORK };
const hlcBytes = fromHex(hlcAt(T).toString(16).padStart(16, '0'));

const inVersion2 = ([, ...rest]: readonly unknown[]): readonly unknown[] => [2, ...rest];

export function goodCommits(): Good[] {
  const good = (name: string, indices: readonly number[]): Good => ({
    name,
    asked: ASKED,
    text: base64url(encodeFragment(pickOperations(whole, indices, hasher))),
  });
  return [
    good('a whole commit', [0, 1, 2, 3, 4]),
    ...[0, 1, 2, 3, 4].map((i) => good(`its operation ${i} alone`, [i])),
    good('two operations apart', [0, 3]),
    good('two operations together', [2, 3]),
    ...['01', '1b0000ffffffffffff'].map(
      (end): Good => ({
        name: `a put that ends at ${end}`,
        asked: ASKED,
        text: base64url(signedOver([fromHex(`8500616b0140${end}`)], { fields: inVersion2 })),
      }),
    ),
    {
      name: 'a header of version 2 without an end',
      asked: ASKED,
      text: base64url(signedOver([fromHex(putHex('05'))], { fields: inVersion2 })),
    },
    { name: 'nothing asked', asked: {}, text: base64url(encodeFragment(whole)) },
    {
      name: 'a context',
      asked: ASKED,
      text: base64url(signedOver([fromHex(putHex('05', context([bob, hlcAt(T - 1)])))])),
    },
  ];
}

interface Raw {
  header: Bytes;
  signature: Bytes;
  indices: readonly number[];
  operations: readonly unknown[];
  proof: Bytes;
}

const rawOf = (fragment: typeof whole): Raw => ({
  header: fragment.headerBytes,
  signature: fragment.signature,
  indices: fragment.operations.map(({ index }) => index),
  operations: fragment.operations.map(({ bytes }) => bytes),
  proof: fragment.proof,
});

function rawBytes({ header, signature, indices, operations, proof }: Raw): Bytes {
  return encodeCbor([header, signature, Uint8Array.from(indices.flatMap((i) => [i >> 8, i & 255])), operations, proof]);
}

/** A put of the key "k" with the value and the context that stand in hex. */
const putHex = (value: string, dots = '40', key = '616b'): string => `8400${key}${value}${dots}`;

/** A context in hex. */
const context = (...dots: readonly (readonly [Signer | Bytes, bigint])[]): string =>
  Buffer.from(
    encodeCbor(
      concatBytes(
        ...dots.map(([author, hlc]) =>
          concatBytes(
            author instanceof Uint8Array ? author : author.publicKey,
            fromHex(hlc.toString(16).padStart(16, '0')),
          ),
        ),
      ),
    ),
  ).toString('hex');

interface Header {
  readonly fields?: (fields: readonly unknown[]) => readonly unknown[];
  readonly bytes?: (header: Bytes) => Bytes;
}

/** A whole commit by alice of the operations as they are, with header and signature that fit them. */
function signedOver(operations: readonly Bytes[], { fields = (f) => f, bytes = (b) => b }: Header = {}): Bytes {
  const root = operations.length === 0 ? new Uint8Array(32) : opsRoot(operations, hasher);
  const header = bytes(encodeCbor(fields([1, NETWORK, alice.publicKey, hlcBytes, operations.length, root])));
  const signature = alice.sign(commitSigningBytes(header));
  return rawBytes({ header, signature, indices: operations.map((_, i) => i), operations, proof: new Uint8Array() });
}

export function commitFlaws(): Forged[] {
  const flaw = (name: string, rule: string, bytes: Bytes, fails: Forged['fails'] = 'malformed'): Forged => ({
    name,
    rule,
    fails,
    asked: ASKED,
    text: base64url(bytes),
  });
  return [...operationFlaws(flaw), ...headerFlaws(flaw), ...fragmentFlaws(flaw), ...doorFlaws(flaw)];
}

type Flaw = (name: string, rule: string, bytes: Bytes, fails?: Forged['fails']) => Forged;

function operationFlaws(flaw: Flaw): Forged[] {
  const operation = (name: string, rule: string, hex: string): Forged =>
    flaw(`operation: ${name}`, rule, signedOver([fromHex(hex)]));
  const later = (name: string, hex: string): Forged =>
    flaw(`operation: ${name}`, 'O1', signedOver([fromHex(hex)], { fields: inVersion2 }));
  const value = (name: string, rule: string, hex: string): Forged => operation(`${name} as value`, rule, putHex(hex));
  const one = encodeOperation(put('a', 1));
  return [
    value('names of an object in another order', 'B3', 'a2616201616102'),
    value('a longer name before a shorter one', 'B3', 'a262616101616202'),
    value('a name twice', 'B3', 'a2616101616102'),
    value('a number as name', 'B3', 'a10101'),
    value('the name __proto__', 'V4', 'a1695f5f70726f746f5f5f01'),
    value('a half float', 'B1', 'f93e00'),
    value('a single float', 'B1', 'fa3fc00000'),
    value('1.0 as a float', 'B4', 'fb3ff0000000000000'),
    value('-0 as a float', 'B4', 'fb8000000000000000'),
    value('NaN', 'B4', 'fb7ff8000000000000'),
    value('Infinity', 'B4', 'fb7ff0000000000000'),
    value('1e300', 'V2', 'fb7e37e43c8800759c'),
    value('the integer 2^53', 'B2', '1b0020000000000000'),
    value('the integer -2^53', 'V2', '3b001fffffffffffff'),
    value('an integer in two bytes that fits one', 'B2', '1801'),
    value('a length in two bytes that fits one', 'B2', '780161'),
    value('bytes that are no UTF-8', 'B5', '61ff'),
    value('an overlong character', 'B5', '62c0af'),
    value('a surrogate', 'B5', '63eda080'),
    value('an array without a length', 'B1', '9f01ff'),
    value('a map without a length', 'B1', 'bf616101ff'),
    value('a text without a length', 'B1', '7f6161ff'),
    value('undefined', 'B1', 'f7'),
    value('a simple value', 'B1', 'f8ff'),
    value('a tag', 'B1', 'c101'),
    value('bytes', 'V1', '4101'),
    value('33 levels', 'V4', `${'81'.repeat(33)}00`),
    value('an array longer than the bytes', 'B6', '9affffffff'),
    value('16,385 bytes', 'V1', `793ffe${'61'.repeat(16_382)}`),
    operation('an empty key', 'V5', putHex('01', '40', '60')),
    operation('a key of 1,025 bytes', 'V5', putHex('01', '40', `790401${'61'.repeat(1025)}`)),
    operation('a key as bytes', 'O1', putHex('01', '40', '416b')),
    operation('an end in a header of version 1', 'O1', '8500616b01401903e8'),
    later('an end of 0', '8500616b014000'),
    later('an end of 2^48', '8500616b01401b0001000000000000'),
    later('an end below 0', '8500616b014020'),
    later('an end as text', '8500616b01406131'),
    later('an end as a boolean', '8500616b0140f5'),
    later('an end as a double', '8500616b0140fb3ff8000000000000'),
    later('an item beyond the end', '8600616b01400101'),
    later('an end of a delete', '8401616b4001'),
    operation('another kind', 'O1', '8402616b0140'),
    operation('a kind as boolean', 'O1', '84f4616b0140'),
    operation('a put without a value', 'O1', '8300616b40'),
    operation('a delete with a value', 'O1', '8401616b0140'),
    operation('no context', 'O1', '8300616b01'),
    operation('a byte left over', 'B6', `${putHex('01')}00`),
    operation('a context as text', 'O1', putHex('01', '60')),
    operation('a context of 39 bytes', 'O2', putHex('01', `5827${'11'.repeat(39)}`)),
    operation(
      'authors of a context in another order',
      'O2',
      putHex('01', context([new Uint8Array(32).fill(9), 1n], [new Uint8Array(32).fill(8), 1n])),
    ),
    operation('an author of a context twice', 'O2', putHex('01', context([bob, 1n], [bob, 2n]))),
    operation('the HLC zero in a context', 'O2', putHex('01', context([bob, 0n]))),
    operation('the own author in a context', 'O3', putHex('01', context([alice, 1n]))),
    operation('an HLC as new as the commit in a context', 'O3', putHex('01', context([bob, hlcAt(T)]))),
    flaw('operation: a key twice', 'O4', signedOver([one, encodeOperation(put('a', 2))])),
    flaw(
      'operation: more than 65,536 bytes in all',
      'O4',
      signedOver(Array.from({ length: 5 }, (_, i) => encodeOperation(put(`k${i}`, 'x'.repeat(14_000))))),
    ),
  ];
}

function headerFlaws(flaw: Flaw): Forged[] {
  const one = encodeOperation(put('a', 1));
  const field = (name: string, at: number, is: unknown, rule = 'H1', fails?: Forged['fails']): Forged =>
    flaw(
      `header: ${name}`,
      rule,
      signedOver([one], { fields: (fields) => fields.map((old, i) => (i === at ? is : old)) }),
      fails,
    );
  const hex = (name: string, rule: string, change: (hex: string) => string): Forged =>
    flaw(
      `header: ${name}`,
      rule,
      signedOver([one], { bytes: (bytes) => fromHex(change(Buffer.from(bytes).toString('hex'))) }),
    );
  return [
    field('version 3', 0, 3, 'H6', 'unknown-version'),
    field('version 0', 0, 0, 'H6', 'unknown-version'),
    field('a version as text', 0, '1'),
    field('an empty network', 1, ''),
    field('a network of 129 bytes', 1, 'n'.repeat(129)),
    field('a network as bytes', 1, new TextEncoder().encode(NETWORK)),
    field('an author of 31 bytes', 2, alice.publicKey.slice(1)),
    field('an HLC of 7 bytes', 3, new Uint8Array(7).fill(1)),
    field('the HLC zero', 3, new Uint8Array(8), 'H2'),
    field('an HLC as integer', 3, 1),
    field('the count 0', 4, 0),
    field('the count 257', 4, 257),
    field('a count that is greater than what is there', 4, 2, 'F2'),
    field('a root of 33 bytes', 5, new Uint8Array(33)),
    field('another root', 5, new Uint8Array(32), 'F3'),
    flaw('header: an element more', 'H1', signedOver([one], { fields: (fields) => [...fields, 0] })),
    flaw('header: an element less', 'H1', signedOver([one], { fields: (fields) => fields.slice(0, 5) })),
    hex('a byte left over', 'B6', (header) => `${header}00`),
    hex('a version in two bytes', 'B2', (header) => header.replace(/^8601/, '861801')),
    hex('an array without a length', 'B1', (header) => `9f${header.slice(2)}ff`),
  ];
}

function fragmentFlaws(flaw: Flaw): Forged[] {
  const all = rawOf(whole);
  const part = rawOf(pickOperations(whole, [1], hasher));
  const [a, b, c, d, e] = all.operations as [Bytes, Bytes, Bytes, Bytes, Bytes];
  const of = (raw: Raw, change: Partial<Raw>): Bytes => rawBytes({ ...raw, ...change });
  const elements = [part.header, part.signature, Uint8Array.of(0, 1), part.operations, part.proof];
  const hex = Buffer.from(rawBytes(part)).toString('hex');
  const signature = Buffer.from(part.signature).toString('hex');
  const list = Buffer.from(encodeCbor(b)).toString('hex');
  return [
    flaw('fragment: another hash', 'F3', of(part, { proof: flipped(part.proof, 0) })),
    flaw('fragment: a hash missing', 'F2', of(part, { proof: part.proof.slice(32) })),
    flaw('fragment: no hashes', 'F2', of(part, { proof: new Uint8Array() })),
    flaw('fragment: a hash left over', 'F2', of(part, { proof: concatBytes(part.proof, new Uint8Array(32)) })),
    flaw(
      'fragment: hashes in another order',
      'F3',
      of(part, {
        proof: concatBytes(part.proof.subarray(32, 64), part.proof.subarray(0, 32), part.proof.subarray(64)),
      }),
    ),
    flaw('fragment: hashes of 31 bytes', 'F2', of(part, { proof: part.proof.slice(1) })),
    flaw('fragment: a hash beside a whole commit', 'F2', of(all, { proof: new Uint8Array(32) })),
    flaw('fragment: another index', 'F3', of(part, { indices: [0] })),
    flaw('fragment: an index beyond the count', 'F1', of(part, { indices: [5] })),
    flaw('fragment: indices in another order', 'F1', of(all, { indices: [1, 0, 2, 3, 4] })),
    flaw('fragment: an index twice', 'F1', of(all, { indices: [0, 1, 2, 3, 3] })),
    flaw('fragment: fewer operations than indices', 'F1', of(all, { operations: [a, b, c, d] })),
    flaw('fragment: more operations than indices', 'F1', of(all, { indices: [0, 1, 2, 3] })),
    flaw('fragment: operations in another order', 'F3', of(all, { operations: [b, a, c, d, e] })),
    flaw('fragment: no operations', 'F1', of(part, { indices: [], operations: [], proof: whole.header.opsRoot })),
    flaw('fragment: another operation of the commit', 'F3', of(part, { operations: [a] })),
    flaw('fragment: a changed value', 'F3', of(part, { operations: [encodeOperation(put('b', 6))] })),
    flaw('fragment: an operation that is no byte string', 'F1', of(part, { operations: [1] })),
    flaw('fragment: a signature of 63 bytes', 'F1', of(part, { signature: part.signature.slice(1) })),
    flaw(
      'fragment: indices of 3 bytes',
      'F1',
      encodeCbor(elements.map((one, i) => (i === 2 ? new Uint8Array(3) : one))),
    ),
    flaw('fragment: indices as list', 'F1', encodeCbor(elements.map((one, i) => (i === 2 ? [1] : one)))),
    flaw('fragment: operations as byte string', 'F1', encodeCbor(elements.map((one, i) => (i === 3 ? b : one)))),
    flaw('fragment: an element more', 'F1', encodeCbor([...elements, 0])),
    flaw('fragment: an element less', 'F1', encodeCbor(elements.slice(0, 4))),
    flaw('fragment: a length in three bytes', 'B2', fromHex(hex.replace(`5840${signature}`, `590040${signature}`))),
    flaw('fragment: a list without a length', 'B1', fromHex(hex.replace(`81${list}`, `9f${list}ff`))),
    flaw('fragment: a byte left over', 'B6', concatBytes(rawBytes(part), Uint8Array.of(0))),
    flaw('fragment: a byte missing', 'B6', rawBytes(part).slice(0, -1)),
    flaw('fragment: no bytes', 'F1', new Uint8Array()),
  ];
}

/** Commits that are well-formed, and that no door lets pass. */
function doorFlaws(flaw: Flaw): Forged[] {
  const raw = rawOf(decodeFragment(encodeFragment(whole), hasher));
  const signed = (signature: Bytes): Bytes => rawBytes({ ...raw, signature });
  const message = commitSigningBytes(whole.headerBytes);
  const by = (signer: Signer, network: string): Bytes =>
    encodeFragment(
      createCommit({ network, author: signer.author, hlc: hlcAt(T), operations: OPERATIONS }, hasher, (m) =>
        signer.sign(m),
      ),
    );
  const small = fromHex(`01${'00'.repeat(31)}`);
  const smallHeader = encodeCbor([1, NETWORK, small, hlcBytes, OPERATIONS.length, whole.header.opsRoot]);
  return [
    flaw('signature: a changed bit in R', 'H5', signed(flipped(raw.signature, 3)), 'bad-signature'),
    flaw('signature: a changed bit in S', 'H5', signed(flipped(raw.signature, 35)), 'bad-signature'),
    flaw('signature: of another author', 'H5', signed(bob.sign(message)), 'bad-signature'),
    flaw('signature: without the domain', 'H5', signed(alice.sign(whole.headerBytes)), 'bad-signature'),
    flaw('signature: over the commit id', 'H5', signed(alice.sign(whole.idBytes)), 'bad-signature'),
    flaw('signature: S with the group order added', 'K1', signed(withOrder(raw.signature)), 'bad-signature'),
    flaw('signature: zeros', 'K1', signed(new Uint8Array(64)), 'bad-signature'),
    flaw(
      'signature: R with the field prime added',
      'K1',
      signed(concatBytes(fromHex(`ee${'ff'.repeat(30)}7f`), raw.signature.subarray(32))),
      'bad-signature',
    ),
    {
      ...flaw(
        'signature: by a key of small order, for which anyone can sign',
        'K2',
        rawBytes({ ...raw, header: smallHeader, signature: concatBytes(small, new Uint8Array(32)) }),
        'bad-signature',
      ),
      trusted: [`01${'00'.repeat(31)}` as typeof alice.author],
    },
    flaw('door: another network', 'D1', by(alice, 'elsewhere'), 'other-network'),
    flaw('door: a stranger', 'D1', by(stranger, NETWORK), 'untrusted-author'),
    { ...flaw('door: nobody is trusted', 'P8', encodeFragment(whole), 'trust-needed'), trusted: [] },
  ];
}
