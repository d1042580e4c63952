import { createHash, createPrivateKey, createPublicKey, sign, verify } from 'node:crypto';
import fc from 'fast-check';
import {
  type Author,
  type Bytes,
  bytesToHex,
  type Context,
  type Fragment,
  type Hasher,
  type Hlc,
  hexToBytes,
  type JsonValue,
  LatticeError,
  type Operation,
} from '../../../../src/core/types/index.ts';
import type { CommitRequest } from '../../../../src/core/wire/index.ts';
import { createCommit } from '../../../../src/core/wire/index.ts';

export const hasher: Hasher = {
  hash: (bytes) => new Uint8Array(createHash('sha256').update(bytes).digest()),
  hashInto: (bytes, out, offset) => out.set(createHash('sha256').update(bytes).digest(), offset),
  running() {
    const hash = createHash('sha256');
    return { update: (bytes) => void hash.update(bytes), digest: () => new Uint8Array(hash.digest()) };
  },
};

export function bytesOf(hex: string): Bytes {
  const bytes = hexToBytes(hex);
  if (bytes === undefined) throw new Error(`not hex: ${hex}`);
  return bytes;
}

/** A key for tests only: 32 equal bytes as the seed. */
export function testKey(byte: number): { seed: Bytes; author: Author; sign: (message: Bytes) => Bytes } {
  const seed = new Uint8Array(32).fill(byte);
  const key = createPrivateKey({
    key: Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed]),
    format: 'der',
    type: 'pkcs8',
  });
  const spki = createPublicKey(key).export({ format: 'der', type: 'spki' });
  return {
    seed,
    author: bytesToHex(spki.subarray(-32)) as Author,
    sign: (message) => new Uint8Array(sign(null, message, key)),
  };
}

/** False too where the author is no point of the curve. */
export function signatureHolds(author: Author, message: Bytes, signature: Bytes): boolean {
  try {
    const key = createPublicKey({
      key: Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), bytesOf(author)]),
      format: 'der',
      type: 'spki',
    });
    return verify(null, message, key, signature);
  } catch {
    return false;
  }
}

/** The code of the LatticeError that `run` throws; 'none' when it returns. Another exception goes on. */
export function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof LatticeError) return error.code;
    throw error;
  }
  return 'none';
}

export const text = (options: { minLength?: number; maxLength?: number } = {}): fc.Arbitrary<string> =>
  fc.oneof(
    { weight: 3, arbitrary: fc.string(options) },
    { weight: 1, arbitrary: fc.string({ ...options, unit: 'binary' }) },
  );

const field = text({ maxLength: 12 }).filter((key) => key !== '__proto__');

/** Values of the data model, as `checkValue` returns them. */
export const jsonValue: fc.Arbitrary<JsonValue> = fc.letrec<{ value: JsonValue }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constant(null),
    fc.boolean(),
    fc.maxSafeInteger().map((n) => (n === 0 ? 0 : n)),
    fc.double({ noNaN: true, noDefaultInfinity: true }).filter((n) => !Number.isInteger(n)),
    text({ maxLength: 60 }),
    fc.array(tie('value'), { maxLength: 5 }),
    fc.dictionary(field, tie('value'), { maxKeys: 5, noNullPrototype: true }),
  ),
})).value;

/** Of commits: above every context's, as a node's clock is. */
export const hlc: fc.Arbitrary<Hlc> = fc.bigInt({ min: 2n ** 63n, max: 2n ** 64n - 1n }) as fc.Arbitrary<Hlc>;

const seenHlc = fc.bigInt({ min: 1n, max: 2n ** 63n - 1n }) as fc.Arbitrary<Hlc>;

export const author: fc.Arbitrary<Author> = fc
  .uint8Array({ minLength: 32, maxLength: 32 })
  .map((bytes) => bytesToHex(bytes) as Author);

const context: fc.Arbitrary<Context> = fc
  .uniqueArray(fc.record({ author, hlc: seenHlc }), { maxLength: 4, selector: (dot) => dot.author })
  .map((dots) => dots.sort((a, b) => (a.author < b.author ? -1 : 1)));

export const operation = (key: fc.Arbitrary<string> = text({ minLength: 1, maxLength: 40 })): fc.Arbitrary<Operation> =>
  fc.oneof(
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('put' as const), key, value: jsonValue, context }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('delete' as const), key, context }) },
  );

export const KEY = testKey(1);

export function commitOf(operations: readonly Operation[], request: Partial<CommitRequest> = {}): Fragment {
  return createCommit(
    { network: 'test/lattice', author: KEY.author, hlc: 0x0190_0000_0000_0001n as Hlc, operations, ...request },
    hasher,
    KEY.sign,
  );
}

export const commit = (most = 12): fc.Arbitrary<Fragment> =>
  fc
    .tuple(
      fc.uniqueArray(operation(), { minLength: 1, maxLength: most, selector: (op) => op.key }),
      hlc,
      text({ minLength: 1, maxLength: 20 }),
    )
    .map(([operations, at, network]) => commitOf(operations, { hlc: at, network }));

/** A commit and some of its indices, at least one, in order. */
export const commitAndSubset = (most?: number): fc.Arbitrary<[Fragment, number[]]> =>
  commit(most).chain((fragment) =>
    fc.tuple(
      fc.constant(fragment),
      fc.subarray(
        fragment.operations.map(({ index }) => index),
        { minLength: 1 },
      ),
    ),
  );
