import { type AuditKind, type AuditRecord, checkAuditRecord, sqliteTime } from '../../core/original/audit.ts';
import type { RowWrite } from '../../core/replica/index.ts';
import {
  AUDIT_TOTALS,
  type AuditTotals,
  auditOrderOf,
  auditOrderToKey,
  auditRange,
  auditRecordIdKey,
  auditRecordKey,
  decodeAuditRecord,
  decodeAuditTotals,
  encodeAuditRecord,
  encodeAuditTotals,
  type KeptRecord,
  NO_AUDIT,
  type WordCounts,
} from '../../core/rows/index.ts';
import { type Bytes, compareBytes, equalBytes, type Hasher, LatticeError } from '../../core/types/index.ts';
import type { Clock, Store } from '../../ports/index.ts';
import type { Writer } from '../commit/writer.ts';
import type { AttackRow, AuditService, AuditView, ExecutionRow } from '../facade/index.ts';
import { base64url, fromBase64url } from '../read/base64url.ts';
import { pageSize } from '../read/cursor.ts';
import { twoReads } from '../storage/two-reads.ts';
import { countBytes, countRow } from './totals.ts';

/** Records that are added together. With as many of the largest, a batch stays within what the store writes at once. */
const MAX_TOGETHER = 256;
/** Bytes of the rows that are added together: about those of a batch of commits. */
const MAX_TOGETHER_BYTES = 2 * 1024 * 1024;
/** Rows that are read at a time, of which the largest together take 4 MiB. */
const CHUNK_ROWS = 64;
/** What the original lists where nothing is asked for. */
const DEFAULT_LIMIT = 100;
const DEFAULT_PAGE = 100;
const MAX_PAGE = 1000;

export interface AuditDeps {
  readonly store: Pick<Store, 'get' | 'getMany' | 'iterate'>;
  readonly writer: Pick<Writer, 'keep'>;
  readonly hasher: Hasher;
  readonly clock: Pick<Clock, 'now'>;
  /** Whether the disk has too little room. */
  readonly isFull: () => boolean;
}

/** A record that was checked, with the row's bytes as it was given, which are compared when its id comes again. */
interface Checked extends ReturnType<typeof checkAuditRecord> {
  readonly idKey: Bytes;
  readonly digest: Bytes;
  readonly bytes: number;
}

function differs({ kind, id }: Pick<AuditRecord, 'kind' | 'id'>): LatticeError {
  return new LatticeError('record-differs', `another ${kind} was added under the id ${JSON.stringify(id)}`, {
    next: 'give each record an id of its own, and the same only to add the very same record again',
  });
}

function byBytes(words: WordCounts): WordCounts {
  const utf8 = new TextEncoder();
  const named = Array.from(words, ([word, count]) => ({ word, count, bytes: utf8.encode(word) }));
  return new Map(named.sort((a, b) => compareBytes(a.bytes, b.bytes)).map(({ word, count }) => [word, count]));
}

/** The one owner of the executions and attacks that a node keeps (SPEC Q1). Nothing is read before it is asked for. */
export function createAudit(deps: AuditDeps): AuditService {
  const { store, writer, hasher, clock } = deps;
  let totals: Promise<AuditTotals> | undefined;
  /** Additions run one at a time, because each builds on the totals of the one before. */
  let turn: Promise<unknown> = Promise.resolve();

  async function load(): Promise<AuditTotals> {
    // Of two records the one with more bytes is right: rows are only added.
    const found = (await twoReads(store, AUDIT_TOTALS)).map(decodeAuditTotals);
    return found.sort((a, b) => b.bytes - a.bytes)[0] ?? NO_AUDIT;
  }
  function current(): Promise<AuditTotals> {
    totals ??= load().catch((error: unknown) => {
      totals = undefined;
      throw error;
    });
    return totals;
  }

  function check(record: AuditRecord): Checked {
    const checked = checkAuditRecord(record);
    const { kind, id, row, number } = checked;
    const given = encodeAuditRecord(kind, id, number ?? 0, row);
    const idKey = auditRecordIdKey(kind, id, hasher);
    return { ...checked, idKey, digest: hasher.hash(given), bytes: given.length };
  }

  /** The records whose ids are new, each once. Throws LatticeError `record-differs`. */
  async function newOf(records: readonly Checked[]): Promise<readonly Checked[]> {
    const stored = await store.getMany(records.map(({ idKey }) => idKey));
    const fresh = new Map<string, Checked>();
    for (const [i, record] of records.entries()) {
      const name = `${record.kind} ${record.id}`;
      const held = stored[i] ?? fresh.get(name)?.digest;
      if (held === undefined) fresh.set(name, record);
      else if (!equalBytes(held, record.digest)) throw differs(record);
    }
    return Array.from(fresh.values());
  }

  async function addTogether(records: readonly Checked[]): Promise<{ readonly added: number; readonly known: number }> {
    const fresh = await newOf(records);
    if (fresh.length === 0) return { added: 0, known: records.length };
    if (deps.isFull()) {
      throw new LatticeError('disk-full', 'the disk has too little room for records', {
        next: 'make room on the disk of this node',
      });
    }
    const rows: RowWrite[] = [];
    let next = await current();
    const now = sqliteTime(clock.now());
    for (const record of fresh) {
      const { kind, id, idKey, digest } = record;
      const row = { ...record.row, created_at: record.row['created_at'] ?? now } as unknown as KeptRecord['row'];
      // It is read by the same rules, so its bounds hold with the time of its addition too.
      checkAuditRecord({ kind, id, row: { ...row } });
      const counted = countRow(next, { kind, number: record.number, row });
      const value = encodeAuditRecord(kind, id, counted.number, { ...row });
      next = countBytes(counted.totals, value.length);
      rows.push({ type: 'put', key: auditRecordKey(kind, row.timestamp, counted.number), value });
      rows.push({ type: 'put', key: idKey, value: digest });
    }
    rows.push({ type: 'put', key: AUDIT_TOTALS, value: encodeAuditTotals(next) });
    await writer.keep(() => rows);
    totals = Promise.resolve(next);
    return { added: fresh.length, known: records.length - fresh.length };
  }

  async function add(records: readonly AuditRecord[]): Promise<{ readonly added: number; readonly known: number }> {
    // Nothing is added when one of them is flawed.
    const checked = records.map(check);
    let added = 0;
    let known = 0;
    for (let at = 0; at < checked.length; ) {
      let end = at;
      for (let bytes = 0; end < checked.length && end - at < MAX_TOGETHER; end++) {
        bytes += (checked[end] as Checked).bytes;
        if (bytes > MAX_TOGETHER_BYTES && end > at) break;
      }
      const outcome = await addTogether(checked.slice(at, end));
      added += outcome.added;
      known += outcome.known;
      at = end;
    }
    return { added, known };
  }

  /** The rows of a kind before one of them, newest first, with their keys. */
  async function* newest(kind: AuditKind, before?: Bytes): AsyncGenerator<readonly (readonly [Bytes, KeptRecord])[]> {
    for (let lt = before; ; ) {
      const found: (readonly [Bytes, KeptRecord])[] = [];
      for await (const rows of store.iterate({ ...auditRange(kind, lt), reverse: true, limit: CHUNK_ROWS }))
        for (const [key, value] of rows) found.push([key, decodeAuditRecord(kind, value)]);
      if (found.length > 0) yield found;
      if (found.length < CHUNK_ROWS) return;
      lt = found.at(-1)?.[0];
    }
  }

  async function* rowsOf(kind: AuditKind, limit: number): AsyncGenerator<readonly KeptRecord['row'][]> {
    let left = limit < 0 ? Number.POSITIVE_INFINITY : limit;
    if (left === 0) return;
    for await (const chunk of newest(kind)) {
      yield chunk.slice(0, left).map(([, { row }]) => row);
      left -= chunk.length;
      if (left <= 0) return;
    }
  }

  function keyOf(kind: AuditKind, cursor: string): Bytes {
    try {
      const key = auditOrderToKey(kind, fromBase64url(cursor));
      if (key !== undefined) return key;
    } catch {
      // What is no base64url is no cursor either.
    }
    throw new LatticeError('invalid-cursor', 'the cursor is not one of this API', {
      next: 'start again without a cursor',
    });
  }

  return {
    add(records) {
      const mine = turn.then(() => add(records));
      turn = mine.catch(() => undefined);
      return mine;
    },
    executions: (limit = DEFAULT_LIMIT) => rowsOf('execution', limit) as AsyncGenerator<readonly ExecutionRow[]>,
    attacks: (limit = DEFAULT_LIMIT) => rowsOf('attack', limit) as AsyncGenerator<readonly AttackRow[]>,

    async list({ kind, limit, cursor, fits }) {
      const size = pageSize(limit, DEFAULT_PAGE, MAX_PAGE);
      const items: AuditView[] = [];
      let last: Bytes | undefined;
      for await (const chunk of newest(kind, cursor === undefined ? undefined : keyOf(kind, cursor))) {
        for (const [key, record] of chunk) {
          const item = record as AuditView;
          if (last !== undefined && (items.length === size || fits?.(item) === false))
            return { items, cursor: base64url(auditOrderOf(last)) };
          if (last === undefined) fits?.(item);
          items.push(item);
          last = key;
        }
      }
      return { items };
    },

    async stats() {
      const { executions, attacks } = await current();
      const { sum, rest, count } = executions.elapsedMs;
      return {
        executions: {
          count: executions.count,
          statuses: byBytes(executions.statuses),
          meanElapsedMs: count === 0 ? 0 : (sum + rest) / count,
        },
        attacks: { count: attacks.count, types: byBytes(attacks.types), layers: byBytes(attacks.layers) },
      };
    },
  };
}
