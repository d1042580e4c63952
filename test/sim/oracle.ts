import { lastHlcAt } from '../../src/core/clock/index.ts';
import { ATTESTED, bucketRange, decodeAttested, entryRowToEntry, keyToEntryKey } from '../../src/core/rows/index.ts';
import {
  type Bytes,
  bytesToHex,
  type Entry,
  equalBytes,
  type Hlc,
  MAX_AHEAD_MS,
  type Sibling,
} from '../../src/core/types/index.ts';
import { commitSigningBytes, decodeEntry } from '../../src/core/wire/index.ts';
import type { StoreOperation } from '../../src/ports/index.ts';
import { hasher, isGenuine } from './crypto.ts';
import type { SimDisk } from './store.ts';

/** An operation's place: commit and index. */
export const versionName = (sibling: Sibling): string => `${bytesToHex(sibling.commit)}.${sibling.index}`;

/** One write that a node acknowledged. */
export interface Acknowledged {
  readonly node: number;
  readonly key: string;
  /** `<commit id>.<index>`. */
  readonly version: string;
  readonly hlc: Hlc;
}

/**
 * What the fleet's state must be, worked out from every operation that was durable anywhere, all at once and by the
 * definition: an operation stands unless another one replaces it. It shares no code with the node's own merge.
 */
export interface Oracle {
  /** Looks at what a batch made durable. `latestMs`: the latest time that the node may take the present for. */
  durable(node: number, latestMs: number, operations: readonly StoreOperation[]): void;
  /** A write has been acknowledged by the node that owns `disk`: it must be there, or something that replaces it. */
  acknowledged(ack: Acknowledged, author: string, disk: SimDisk): void;
  /**
   * The siblings of every key, as sorted `commit.index`, of the operations that count; all do by default. What is dead
   * at `collected`, Unix ms, has left.
   */
  expected(counts?: (sibling: Sibling) => boolean, collected?: number): ReadonlyMap<string, readonly string[]>;
  /** The node's disk is a copy from earlier on: it may be told again what it had attested. */
  restored(node: number): void;
  readonly acknowledgements: number;
  readonly operations: number;
}

const FIRST_KEYS = bucketRange('entry');

/** The entries on a disk. */
export function entriesOf(disk: SimDisk): Entry[] {
  return disk.rows(FIRST_KEYS).map(([rowKey, row]) => entryRowToEntry(rowKey, row, hasher));
}

/** b gives way to a: same author and later, or a's author had seen b. */
export function replaces(a: Sibling, b: Sibling): boolean {
  if (a.author === b.author) return a.hlc > b.hlc;
  return a.operation.context.some((dot) => dot.author === b.author && dot.hlc >= b.hlc);
}

/** From the oldest on, what was deleted or has ended at a time, up to the first that is alive. */
export function withoutDead(standing: readonly Sibling[], collected: number): readonly Sibling[] {
  const oldestFirst = [...standing].sort((a, b) => -byAge(a, b));
  const isDead = ({ hlc, operation }: Sibling): boolean =>
    Number(hlc >> 16n) <= collected &&
    (operation.kind === 'delete' || (operation.expires !== undefined && operation.expires <= collected));
  const alive = oldestFirst.findIndex((one) => !isDead(one));
  return alive < 0 ? [] : oldestFirst.slice(alive);
}

export function createOracle(fail: (what: string) => void, authorOf: (node: number) => string): Oracle {
  const byKey = new Map<string, Map<string, Sibling>>();
  const acks: Acknowledged[] = [];
  const lastAck = new Map<string, { readonly hlc: Hlc; readonly commit: string }>();
  /** The newest time that each node made durable as attested. */
  const attested = new Map<number, number>();
  const restored = new Set<number>();
  let operations = 0;

  function checkAttested(node: number, at: number): void {
    const isNew = at > (attested.get(node) ?? 0);
    if (!isNew && restored.has(node)) return;
    restored.delete(node);
    if (!isNew) fail(`n${node} is to attest ${at} again, or after a later time`);
    attested.set(node, at);
  }

  function checkNew(node: number, latestMs: number, sibling: Sibling): void {
    operations++;
    if (!isGenuine(sibling.author, commitSigningBytes(sibling.headerBytes), sibling.signature)) {
      fail(`n${node} stored an operation of ${sibling.author.slice(0, 8)} that its author did not sign`);
    }
    const mark = attested.get(node);
    if (mark !== undefined && sibling.author === authorOf(node) && sibling.hlc <= lastHlcAt(mark))
      fail(`n${node} made a commit of the time ${mark}, which it had attested`);
    const aheadMs = Number(sibling.hlc >> 16n) - latestMs;
    if (aheadMs > MAX_AHEAD_MS + 1) fail(`n${node} stored an operation ${aheadMs} ms from the future`);
  }

  return {
    durable(node, latestMs, batch) {
      for (const operation of batch) {
        if (operation.type === 'put' && equalBytes(operation.key, ATTESTED))
          checkAttested(node, decodeAttested(operation.value));
        if (operation.type !== 'put' || operation.key[0] !== FIRST_KEYS.gte[0]) continue;
        const { key, siblings } = entryRowToEntry(operation.key, operation.value, hasher);
        let known = byKey.get(key);
        if (known === undefined) byKey.set(key, (known = new Map()));
        for (const sibling of siblings) {
          const name = versionName(sibling);
          if (known.has(name)) continue;
          checkNew(node, latestMs, sibling);
          known.set(name, sibling);
        }
      }
    },

    acknowledged(ack, author, disk) {
      acks.push(ack);
      const [commit = ''] = ack.version.split('.');
      const last = lastAck.get(author);
      if (last !== undefined && last.commit !== commit && ack.hlc <= last.hlc)
        fail(`n${ack.node} acknowledged an HLC that does not increase`);
      if (last === undefined || ack.hlc > last.hlc) lastAck.set(author, { hlc: ack.hlc, commit });
      const row = disk.get(keyToEntryKey(ack.key, hasher));
      const held = row === undefined ? [] : decodeEntry(row, ack.key).siblings;
      const stands = held.some(
        (s) =>
          versionName(s) === ack.version ||
          (s.author === author
            ? s.hlc > ack.hlc
            : s.operation.context.some((dot) => dot.author === author && dot.hlc >= ack.hlc)),
      );
      if (!stands) fail(`n${ack.node} acknowledged ${ack.key} at ${ack.version.slice(0, 12)} before it was durable`);
      else if (!byKey.get(ack.key)?.has(ack.version) && !held.some((s) => s.author === author)) {
        fail(`n${ack.node} acknowledged ${ack.key} at ${ack.version.slice(0, 12)}, which was never stored`);
      }
    },

    expected(counts = () => true, collected = 0) {
      const out = new Map<string, readonly string[]>();
      for (const [key, all] of byKey) {
        const every = [...all.values()].filter(counts);
        if (every.length === 0) continue;
        const standing = every.filter((b) => !every.some((a) => replaces(a, b)));
        const left = withoutDead(standing, collected);
        if (left.length > 0) out.set(key, left.map(versionName).sort());
      }
      return out;
    },
    restored: (node) => void restored.add(node),
    get acknowledgements() {
      return acks.length;
    },
    get operations() {
      return operations;
    },
  };
}

/** How the entries on a disk differ from what they must be; empty when they don't. */
export function differences(disk: SimDisk, expected: ReadonlyMap<string, readonly string[]>): string[] {
  const out: string[] = [];
  const entries = new Map(entriesOf(disk).map((e) => [e.key, e]));
  for (const [key, versions] of expected) {
    const held = entries.get(key)?.siblings ?? [];
    const names = held.map(versionName).sort();
    if (names.join() !== versions.join())
      out.push(`${key}: holds [${names.map(short).join()}], must hold [${versions.map(short).join()}]`);
    const order = [...held].sort(byAge);
    if (order.some((s, i) => s !== held[i])) out.push(`${key}: its siblings are not in order`);
  }
  for (const key of entries.keys()) if (!expected.has(key)) out.push(`${key}: was never written`);
  return out;
}

const short = (version: string): string => version.slice(0, 8) + version.slice(version.indexOf('.'));

/** Greatest (hlc, author, commit id) first. */
function byAge(a: Sibling, b: Sibling): number {
  if (a.hlc !== b.hlc) return a.hlc > b.hlc ? -1 : 1;
  if (a.author !== b.author) return a.author > b.author ? -1 : 1;
  return versionName(a) > versionName(b) ? -1 : 1;
}

/** The whole content of two disks, byte for byte. */
export function sameEntries(a: SimDisk, b: SimDisk): boolean {
  const flat = (disk: SimDisk): Bytes[] => disk.rows(FIRST_KEYS).flatMap(([key, value]) => [key, value]);
  const [x, y] = [flat(a), flat(b)];
  return x.length === y.length && x.every((bytes, i) => bytesToHex(bytes) === bytesToHex(y[i] as Bytes));
}
