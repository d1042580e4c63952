import { randomBytes } from 'node:crypto';
import { setImmediate as turn } from 'node:timers/promises';
import { compareCodePoints, type OriginalState } from '../../core/original/root.ts';
import { bytesToHex, type Hasher } from '../../core/types/index.ts';
import { type ExportedEntry, type ExportFormat, formOf } from './forms.ts';
import { openSpill, type Piece, type Spill } from './spill.ts';

export interface WriteStateOptions {
  readonly format: ExportFormat;
  /** The state whose forms and order a snapshot keeps (SPEC I14). */
  readonly like?: OriginalState | undefined;
  /** The moment that a snapshot names, Unix ms. */
  readonly at: number;
  readonly hasher: Hasher;
  /** The directory in which text is put aside until its place is known: as many bytes as the export has. */
  readonly spillDirectory: string;
  readonly signal?: AbortSignal | undefined;
  /** Takes the next part of the document. */
  write(bytes: Uint8Array): void;
  /** Called now and then while the entries come. */
  progress?(done: number): void;
}

/** What was written, and what the form cannot say. All numbers but `bytes` count keys. */
export interface WrittenState {
  readonly entries: number;
  readonly bytes: number;
  /** The original's root of what was written, 64 hex digits, in the form that has one. */
  readonly originalRoot?: string;
  /** Keys in conflict, in code-point order: the winner was written, and its other values were not. */
  readonly conflicts: readonly string[];
  /** Entries of the vault, which are left out. */
  readonly vault: number;
  /** Values of which another form may have been the original's, so that its root may have been another one. */
  readonly formsLost: number;
  /** Values that end, where the form has no ends. */
  readonly endsLost: number;
}

/** Keys of entries that the vault writes alone (SPEC U3). */
const VAULT_KEY = /^vault\/[0-9a-f]{64}$/;
/** Bytes that are handed on at a time. */
const PART_BYTES = 256 * 1024;
/** Entries between two turns of the event loop, in which signals and timers come through. */
const ENTRIES_A_TURN = 4096;

interface Known extends Piece {
  readonly key: string;
  /** SHA-256 of what the original hashes for the entry. */
  readonly leaf: Uint8Array | undefined;
}

/**
 * Writes a state that comes in any order, with its keys in code-point order, and those of `like` first and in its
 * order. Rejects with the errors of its source and of the file system, and with the reason of the signal.
 */
export async function writeState(
  entries: AsyncIterable<ExportedEntry>,
  options: WriteStateOptions,
): Promise<WrittenState> {
  const spill = openSpill(options.spillDirectory, `.lattice-export-${randomBytes(8).toString('hex')}`);
  try {
    return await written(entries, options, spill);
  } finally {
    spill.close();
  }
}

async function written(
  entries: AsyncIterable<ExportedEntry>,
  { format, like, at, hasher, signal, write, progress }: WriteStateOptions,
  spill: Spill,
): Promise<WrittenState> {
  const form = formOf(format, like);
  const utf8 = new TextEncoder();
  const known: Known[] = [];
  const conflicts: string[] = [];
  let vault = 0;
  let formsLost = 0;
  let endsLost = 0;
  for await (const entry of entries) {
    if (VAULT_KEY.test(entry.key)) {
      vault++;
      continue;
    }
    const { text, leaf, formLost } = form.entry(entry);
    if (entry.conflicts !== undefined) conflicts.push(entry.key);
    if (formLost === true) formsLost++;
    if (entry.expires !== undefined && format !== 'ndjson') endsLost++;
    const hashed = leaf === undefined ? undefined : hasher.hash(utf8.encode(leaf));
    known.push({ key: entry.key, leaf: hashed, ...spill.add(text) });
    if (known.length % ENTRIES_A_TURN !== 0) continue;
    progress?.(known.length);
    signal?.throwIfAborted();
  }
  known.sort((a, b) => compareCodePoints(a.key, b.key));
  const originalRoot = format === 'snapshot' ? rootOf(known, hasher) : undefined;

  let parts: Uint8Array[] = [];
  let waiting = 0;
  let bytes = 0;
  const flush = (): void => {
    write(Buffer.concat(parts));
    bytes += waiting;
    parts = [];
    waiting = 0;
  };
  const give = (part: Uint8Array): void => {
    parts.push(part);
    waiting += part.length;
    if (waiting >= PART_BYTES) flush();
  };
  const separator = utf8.encode(form.separator);
  give(utf8.encode(form.head));
  let count = 0;
  for (const piece of inOrder(known, like)) {
    if (count > 0) give(separator);
    give(spill.read(piece));
    if (++count % ENTRIES_A_TURN !== 0) continue;
    await turn();
    signal?.throwIfAborted();
  }
  give(utf8.encode(form.tail(count, originalRoot, at)));
  flush();
  return {
    entries: count,
    bytes,
    ...(originalRoot === undefined ? {} : { originalRoot }),
    conflicts: conflicts.toSorted(compareCodePoints),
    vault,
    formsLost,
    endsLost,
  };
}

/** The original's root (SPEC I1) from the leaves in code-point order of their keys. */
function rootOf(known: readonly Known[], hasher: Hasher): string {
  if (known.length === 0) return bytesToHex(hasher.hash(new TextEncoder().encode('empty')));
  const hex = Buffer.alloc(known.length * 64);
  known.forEach(({ leaf }, i) => hex.write(bytesToHex(leaf ?? new Uint8Array()), i * 64, 'latin1'));
  return bytesToHex(hasher.hash(hex));
}

/** The keys that `like` has in its order, as a dictionary of Python keeps it, and the others after them. */
function* inOrder(sorted: readonly Known[], like: OriginalState | undefined): Generator<Known> {
  if (like === undefined) return yield* sorted;
  const byKey = new Map(sorted.map((one) => [one.key, one]));
  for (const key of like.keys()) {
    const one = byKey.get(key);
    if (one !== undefined) yield one;
  }
  for (const one of sorted) if (!like.has(one.key)) yield one;
}
