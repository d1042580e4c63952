import { checkKey } from '../../core/cbor/index.ts';
import { hlcToHex } from '../../core/clock/index.ts';
import type { WriteIntent } from '../../core/replica/index.ts';
import { LatticeError } from '../../core/types/index.ts';
import { VAULT_PREFIX } from '../../core/vault/index.ts';
import { raceAbort } from '../../timing/index.ts';
import type { Lattice, WriteOperation, WriteResult } from '../facade/index.ts';
import type { Guard } from './guard.ts';
import type { Idempotency } from './idempotency.ts';
import type { Writer } from './writer.ts';

/**
 * A client's operations in the form that the replica takes. Keys are checked before anything looks them up, because a
 * key with a lone surrogate can have no row in the store.
 */
function toIntent(operations: readonly WriteOperation[]): Pick<WriteIntent, 'operations'> {
  return {
    operations: operations.map((o) => {
      if (o.op === 'put' && o.value === undefined)
        throw new LatticeError('invalid-commit', `put of ${JSON.stringify(o.key)} needs a value`);
      return {
        kind: o.op,
        key: checkKey(o.key),
        ...(o.op === 'put' ? { value: o.value } : {}),
        ...(o.expires === undefined ? {} : { expires: o.expires }),
        ...(o.ttl === undefined ? {} : { ttl: o.ttl }),
        ...(o.ifMatch === undefined ? {} : { ifMatch: o.ifMatch }),
        ...(o.ifNoneMatch === undefined ? {} : { ifNoneMatch: o.ifNoneMatch }),
        ...(o.mustExist === undefined ? {} : { mustExist: o.mustExist }),
      };
    }),
  };
}

/** Throws what a write is refused with while the node is read-only. */
export function checkWritable(guard: Pick<Guard, 'reasons' | 'has'>): void {
  const reasons = guard.reasons();
  if (reasons.length === 0) return;
  throw new LatticeError(
    guard.has('disk') ? 'disk-full' : 'read-only',
    `this node is read-only: ${reasons.map(({ text }) => text).join('; ')}`,
    {
      next: 'see lattice status, which says what to do, or write to another node',
      details: { reasons },
    },
  );
}

/** Throws LatticeError `reserved-key` for keys under which the vault alone writes (SPEC U5). */
function checkUnreserved(operations: readonly WriteOperation[]): void {
  const reserved = operations.find(({ key }) => key.startsWith(VAULT_PREFIX));
  if (reserved === undefined) return;
  throw new LatticeError(
    'reserved-key',
    `${JSON.stringify(reserved.key)} is a key of the vault, which alone writes it`,
    {
      next: `put content into the vault or remove it there, or take a key that does not begin with ${VAULT_PREFIX}`,
      details: { key: reserved.key },
    },
  );
}

export interface Writes {
  /** Writes of clients. */
  readonly write: Lattice['write'];
  /** Writes of the vault, which may use the keys that are reserved for it. */
  readonly writeReserved: Lattice['write'];
  /** Writes of the node itself, in the form that the replica takes. */
  readonly writeIntent: (intent: WriteIntent) => Promise<WriteResult>;
}

/** Local writes. They wait at the gate after a start, and are refused with the reasons while the node is read-only. */
export function createWrites(deps: {
  readonly guard: Guard;
  readonly writer: Writer;
  readonly idempotency: Idempotency;
  /** Throws LatticeError `version-not-read` while a member is not known to read what ends. */
  readonly checkEnds: () => void;
}): Writes {
  const { guard, writer, idempotency, checkEnds } = deps;

  async function write(intent: WriteIntent, signal?: AbortSignal): Promise<WriteResult> {
    await (signal === undefined ? guard.ready() : raceAbort(guard.ready(), signal));
    checkWritable(guard);
    if (intent.operations.some(({ expires, ttl }) => expires !== undefined || ttl !== undefined)) checkEnds();
    const outcome = await writer.write(intent);
    if (!outcome.ok) throw outcome.error;
    const { id, header } = outcome.commit;
    return { commit: id, hlc: hlcToHex(header.hlc), author: header.author, results: outcome.results };
  }

  const writeReserved: Lattice['write'] = async (operations, { idempotencyKey, signal } = {}) => {
    const intent = toIntent(operations);
    if (idempotencyKey === undefined) return write(intent, signal);
    // Other callers may wait for the outcome under the same key, so none of them takes it from the others.
    return idempotency.once(idempotencyKey, operations, (rows) =>
      write(rows === undefined ? intent : { ...intent, rows }),
    );
  };
  return {
    async write(operations, options) {
      checkUnreserved(operations);
      return writeReserved(operations, options);
    },
    writeReserved,
    writeIntent: write,
  };
}
