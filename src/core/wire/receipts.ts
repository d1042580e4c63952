import type { CborItem } from '../cbor/cbor.ts';
import { encodeCbor } from '../cbor/cbor.ts';
import { malformed, splitBytes } from '../cbor/reader.ts';
import { textToBytes } from '../cbor/text.ts';
import { hlcToBytes } from '../clock/hlc.ts';
import { type Author, type Bytes, concatBytes, type Hlc, MAX_OPERATIONS } from '../types/index.ts';
import { checkIncreasing, repeat } from './differences.ts';
import { authorBytes, type WireReader, wellFormed } from './fields.ts';

/** (wire) Most commits that one `await` asks after. Each costs the answerer a signature at most. */
export const MAX_AWAITED = 64;
/**
 * (wire) Most keys that one `await` names in all of its commits. Each costs the answerer a read of the store, which it may
 * have to repeat. It is more than the MAX_OPERATIONS of one commit, so every commit can be asked after.
 */
export const MAX_AWAITED_KEYS = 1_024;
/** (wire) The longest time, in ms, for which an `await` may be left without an answer: a tenth of that of any request. */
export const MAX_AWAIT_MS = 1_000;
const HASH_BYTES = 32;
/**
 * (wire) The domain that stands before a receipt in what its author signs, so that the signature means nothing
 * elsewhere.
 */
export const RECEIPT_DOMAIN: Bytes = textToBytes('diotec360/lattice/receipt/v1:');
const VERSION = 1;

/** A commit that is asked after: what its author wrote with it, at its HLC, under these keys. */
export interface AwaitedCommit {
  /** The commit id, 32 bytes. */
  readonly commit: Bytes;
  readonly author: Author;
  readonly hlc: Hlc;
  /** 1…MAX_OPERATIONS key hashes of 32 bytes, strictly increasing. */
  readonly keyHashes: readonly Bytes[];
}

/**
 * Asks which of these commits the other node holds durably, or something that supersedes them. It answers as soon as that
 * is so of one of them, and after `waitMs` in any case (SPEC RC2). 1…MAX_AWAITED commits of MAX_AWAITED_KEYS keys in all.
 */
export interface AwaitRequest {
  readonly type: 'await';
  /** 0…MAX_AWAIT_MS. */
  readonly waitMs: number;
  readonly commits: readonly AwaitedCommit[];
}

/** The answer to `await`: receipts for those commits of which it is so. */
export interface AwaitAnswer {
  readonly type: 'awaited';
  readonly receipts: readonly Receipt[];
}

/** A signed statement of the answerer about one commit. */
export interface Receipt {
  /** The commit id, 32 bytes. */
  readonly commit: Bytes;
  /** 64 bytes, Ed25519 by the answerer over `receiptSigningBytes`. */
  readonly signature: Bytes;
}

/** What a receipt's signature covers: that `signer` holds all of it durably, or what supersedes it. */
export function receiptSigningBytes(
  network: string,
  signer: Author,
  { commit, author, hlc, keyHashes }: AwaitedCommit,
): Bytes {
  const statement: CborItem = [
    VERSION,
    wellFormed(network),
    authorBytes(signer),
    commit,
    authorBytes(author),
    hlcToBytes(hlc),
    concatBytes(...keyHashes),
  ];
  return concatBytes(RECEIPT_DOMAIN, encodeCbor(statement));
}

export function receiptFields(message: AwaitRequest | AwaitAnswer): CborItem[] {
  if (message.type === 'awaited')
    return [message.receipts.map(({ commit, signature }): CborItem => [commit, signature])];
  return [
    message.waitMs,
    message.commits.map(
      ({ commit, author, hlc, keyHashes }): CborItem => [
        commit,
        authorBytes(author),
        hlcToBytes(hlc),
        concatBytes(...keyHashes),
      ],
    ),
  ];
}

export function readAwait(reader: WireReader): AwaitRequest {
  const waitMs = reader.uint('wait', 0, MAX_AWAIT_MS);
  let keys = 0;
  const commits = repeat(reader.array('commits', 1, MAX_AWAITED), (): AwaitedCommit => {
    reader.array('commit', 4, 4);
    const commit = reader.bytes('commit id', HASH_BYTES);
    const author = reader.author('author');
    const hlc = reader.hlc('hlc');
    const keyHashes = splitBytes(reader.bytes('key hashes', HASH_BYTES, MAX_OPERATIONS * HASH_BYTES), HASH_BYTES);
    keys += keyHashes.length;
    if (keys > MAX_AWAITED_KEYS) throw malformed(`more than ${MAX_AWAITED_KEYS} keys are awaited`);
    checkIncreasing(keyHashes);
    return { commit, author, hlc, keyHashes };
  });
  return { type: 'await', waitMs, commits };
}

export function readAwaited(reader: WireReader): AwaitAnswer {
  const receipts = repeat(reader.array('receipts', 0, MAX_AWAITED), (): Receipt => {
    reader.array('receipt', 2, 2);
    return { commit: reader.bytes('commit id', HASH_BYTES), signature: reader.bytes('signature', 64) };
  });
  return { type: 'awaited', receipts };
}
