import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  type Author,
  bytesToHex,
  EXPIRY_VERSION,
  type Hlc,
  MAX_EXPIRY,
  type Operation,
  PROTOCOL_VERSION,
} from '../../src/core/types/index.ts';
import {
  createCommit,
  decodeFragment,
  decodeHeader,
  decodeOperation,
  encodeFragment,
  encodeOperation,
} from '../../src/core/wire/index.ts';
import { bytesOf, codeOf, hasher, testKey } from '../unit/core/wire/commits.ts';

const FILE = new URL('./expiry.json', import.meta.url);

interface Vectors {
  readonly note: string;
  readonly author: string;
  readonly network: string;
  /** The hex of operations by the end that they have, Unix ms; `none` for one that has none. */
  readonly operations: Readonly<Record<string, string>>;
  readonly header: string;
  readonly id: string;
  readonly fragment: string;
  readonly malformed: Readonly<Record<string, string>>;
}

const KEY = testKey(1);
const NETWORK = 'lattice/test-vectors';
const CONTEXT = [{ author: '11'.repeat(32) as Author, hlc: 0x0190_0000_0000_0000n as Hlc }];
const ENDS = [1, 23, 1_700_000_000_000, 253_402_300_800_000, MAX_EXPIRY];

const put = (expires?: number): Operation => ({
  kind: 'put',
  key: 'k',
  value: 1,
  context: CONTEXT,
  ...(expires === undefined ? {} : { expires }),
});

const commit = () =>
  createCommit(
    {
      network: NETWORK,
      author: KEY.author,
      hlc: 0x0190_0000_0001_0000n as Hlc,
      operations: [put(1_700_000_000_000), { kind: 'put', key: 'l', value: 'two', context: [] }],
      version: EXPIRY_VERSION,
    },
    hasher,
    KEY.sign,
  );

function vectors(): Vectors {
  const made = commit();
  return {
    note: 'Puts that end, in headers of version 2. Numbers in hex are bytes; ends are Unix ms.',
    author: KEY.author,
    network: NETWORK,
    operations: Object.fromEntries(
      [undefined, ...ENDS].map((end) => [end ?? 'none', bytesToHex(encodeOperation(put(end)))]),
    ),
    header: bytesToHex(made.headerBytes),
    id: made.id,
    fragment: bytesToHex(encodeFragment(made)),
    malformed: {
      'an end of 0': '8500616b014000',
      'an end of 2^48': '8500616b01401b0001000000000000',
      'an end below 0': '8500616b014020',
      'an end in one byte too many': '8500616b01401801',
      'an end as text': '8500616b01406131',
      'an end as a double': '8500616b0140fb3ff8000000000000',
      'a sixth item': '8600616b01400101',
      'a fifth item that is missing': '8500616b0140',
      'a delete with an end': '8401616b4001',
      'a byte after the end': '8500616b01400100',
    },
  };
}

if (process.env['UPDATE_VECTORS'] === '1') writeFileSync(FILE, `${JSON.stringify(vectors(), null, 2)}\n`);
const golden = JSON.parse(readFileSync(FILE, 'utf8')) as Vectors;

describe('a put that ends', () => {
  it('has its golden bytes, and reads back', () => {
    expect(vectors()).toEqual(golden);
    for (const end of ENDS) {
      const bytes = bytesOf(golden.operations[String(end)] as string);
      expect(decodeOperation(bytes, EXPIRY_VERSION)).toEqual(put(end));
    }
    const read = decodeFragment(bytesOf(golden.fragment), hasher, EXPIRY_VERSION);
    expect(read).toEqual(commit());
    expect(decodeHeader(read.headerBytes, EXPIRY_VERSION).version).toBe(EXPIRY_VERSION);
  });

  it.each(Object.entries(golden.malformed))('%s is malformed', (_, hex) => {
    expect(codeOf(() => decodeOperation(bytesOf(hex), EXPIRY_VERSION))).toBe('malformed');
  });

  it('is malformed in a header of version 1, and a header of version 2 is unknown to who does not read it [F6, H6]', () => {
    expect(codeOf(() => decodeOperation(bytesOf(golden.operations['1'] as string)))).toBe('malformed');
    expect(codeOf(() => decodeFragment(bytesOf(golden.fragment), hasher, PROTOCOL_VERSION))).toBe('unknown-version');
    expect(codeOf(() => decodeHeader(bytesOf(golden.header), PROTOCOL_VERSION))).toBe('unknown-version');
  });

  it('is not put into a commit of version 1, and a put without an end is the same in both', () => {
    const request = { network: NETWORK, author: KEY.author, hlc: 1n as Hlc };
    expect(codeOf(() => createCommit({ ...request, operations: [{ ...put(5), context: [] }] }, hasher, KEY.sign))).toBe(
      'invalid-header',
    );
    const plain = bytesOf(golden.operations['none'] as string);
    expect(decodeOperation(plain, EXPIRY_VERSION)).toEqual(decodeOperation(plain));
  });

  it.each([0, -1, 1.5, MAX_EXPIRY + 1, Number.NaN])('cannot end at %d', (end) => {
    expect(codeOf(() => encodeOperation(put(end)))).toBe('invalid-value');
  });

  it('is no delete', () => {
    expect(codeOf(() => encodeOperation({ kind: 'delete', key: 'k', context: [], expires: 5 }))).toBe('invalid-value');
  });
});
