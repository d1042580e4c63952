import { checkValue, encodeCbor } from '../../core/cbor/index.ts';
import { hlcToHex } from '../../core/clock/index.ts';
import type { RowWrite, WriteIntent } from '../../core/replica/index.ts';
import {
  bucketRange,
  decodeIdempotency,
  encodeIdempotency,
  idempotencyKey,
  idempotencyKeyToKey,
} from '../../core/rows/index.ts';
import { type Bytes, equalBytes, type Fragment, type Hasher, LatticeError } from '../../core/types/index.ts';
import type { Clock, Store } from '../../ports/index.ts';
import type { WriteOperation, WriteResult } from '../facade/index.ts';
import { twoReads } from '../storage/two-reads.ts';

/** How many keys are remembered, in some ten MiB of rows at most. Beyond it the oldest is forgotten. */
const MAX_KEYS = 65_536;
/** For how long a client may repeat a request. */
const KEEP_MS = 24 * 60 * 60_000;
/**
 * How many old records one write removes. It is more than one, so that the records become fewer after there were too
 * many.
 */
const MAX_REMOVED = 64;

export interface Idempotency {
  /**
   * Writes once under a client's key. Later calls, and calls that come meanwhile, get the outcome of the first. A write
   * that fails leaves nothing and is not remembered. Rejects with LatticeError `idempotency-mismatch` when the key
   * belongs to another request.
   */
  once(
    key: string,
    operations: readonly WriteOperation[],
    write: (rows: WriteIntent['rows']) => Promise<WriteResult>,
  ): Promise<WriteResult>;
}

/**
 * Keeps the outcomes of writes under the keys that clients gave them. Each outcome becomes durable in the batch of its
 * write.
 */
export function createIdempotency(deps: {
  readonly store: Store;
  readonly hasher: Hasher;
  readonly clock: Clock;
}): Idempotency {
  const { store, hasher, clock } = deps;
  const underWay = new Map<string, { readonly request: Bytes; readonly outcome: Promise<WriteResult> }>();
  /** When each key was written, oldest first. It is read when first needed, because most nodes have no such keys. */
  let known: Promise<Map<string, number>> | undefined;

  async function load(): Promise<Map<string, number>> {
    const rows: (readonly [string, number])[] = [];
    for await (const chunk of store.iterate(bucketRange('idempotency'))) {
      for (const [rowKey, row] of chunk) rows.push([idempotencyKeyToKey(rowKey), decodeIdempotency(row).at]);
    }
    return new Map(rows.sort((a, b) => a[1] - b[1]));
  }

  function requestOf(operations: readonly WriteOperation[]): Bytes {
    return hasher.hash(
      encodeCbor(
        operations.map((o) => [
          o.op,
          o.key,
          o.value === undefined ? [] : [checkValue(o.value)],
          o.ifMatch ?? null,
          o.ifNoneMatch ?? null,
          o.mustExist ?? null,
          // A span is hashed as it was asked for, so that a repeated request asks for the same. Whatever it is, it is
          // hashed as text, because it has not been checked yet.
          ...(o.expires === undefined ? [] : ['expires', String(o.expires)]),
          ...(o.ttl === undefined ? [] : ['ttl', String(o.ttl)]),
        ]),
      ),
    );
  }

  function rowsFor(key: string, request: Bytes, written: Map<string, number>): NonNullable<WriteIntent['rows']> {
    return ({ commit, first, created }) => {
      const at = clock.now();
      written.delete(key);
      const rows: RowWrite[] = [];
      for (const [old, writtenAt] of written) {
        const tooMany = written.size >= MAX_KEYS;
        if (rows.length >= MAX_REMOVED || (!tooMany && at - writtenAt < KEEP_MS)) break;
        written.delete(old);
        rows.push({ type: 'del', key: idempotencyKey(old) });
      }
      written.set(key, at);
      const value = encodeIdempotency({
        at,
        request,
        commit: commit.id,
        hlc: hlcToHex(commit.header.hlc),
        first,
        created,
        author: commit.header.author,
        ...endsOf(commit, first, created.length),
      });
      rows.push({ type: 'put', key: idempotencyKey(key), value });
      return rows;
    };
  }

  async function lookUp(
    key: string,
    request: Bytes,
    operations: readonly WriteOperation[],
    written: ReadonlyMap<string, number>,
  ): Promise<WriteResult | undefined> {
    const rows = await twoReads(store, idempotencyKey(key));
    // A record that is not found would let the same request write twice.
    if (rows.length === 0 && written.has(key))
      throw new LatticeError(
        'store-damaged',
        `the store lost the record of the idempotency key ${JSON.stringify(key)}`,
      );
    const row = rows.find((one) => decodeIdempotency(one).at === written.get(key)) ?? rows[0];
    if (row === undefined) return undefined;
    const held = decodeIdempotency(row);
    if (clock.now() - held.at >= KEEP_MS) return undefined;
    if (!equalBytes(held.request, request)) throw mismatch();
    const results = operations.map((o, i) => ({
      key: o.key,
      version: `${held.commit}.${held.first + i}`,
      created: held.created[i] === true,
      ...(held.ends?.[i] ? { expires: held.ends[i] } : {}),
    }));
    const author = held.author === undefined ? {} : { author: held.author };
    return { commit: held.commit, hlc: held.hlc, ...author, results, replayed: true };
  }

  return {
    async once(key, operations, write) {
      const request = requestOf(operations);
      const running = underWay.get(key);
      if (running !== undefined) {
        if (!equalBytes(running.request, request)) throw mismatch();
        return { ...(await running.outcome), replayed: true };
      }
      const work = async (): Promise<WriteResult> => {
        known ??= load();
        const written = await known;
        return (await lookUp(key, request, operations, written)) ?? (await write(rowsFor(key, request, written)));
      };
      const outcome = work().finally(() => underWay.delete(key));
      underWay.set(key, { request, outcome });
      return outcome;
    },
  };
}

/** The ends of a write's operations in its commit, if any has one. */
function endsOf({ operations }: Fragment, first: number, count: number): { readonly ends?: readonly number[] } {
  const ends = operations.slice(first, first + count).map(({ operation }) => operation.expires ?? 0);
  return ends.some((end) => end > 0) ? { ends } : {};
}

function mismatch(): LatticeError {
  return new LatticeError('idempotency-mismatch', 'this idempotency key was used with another request', {
    next: 'use a new key for each new request, and the same only to try the very same request again',
  });
}
