import { leafHash } from '../../core/merkle/index.ts';
import type { ChangedEntry, Step } from '../../core/replica/index.ts';
import {
  type Bytes,
  bytesToHex,
  compareBytes,
  type Entry,
  type Hasher,
  hexToBytes,
  LatticeError,
} from '../../core/types/index.ts';
import { encodeEntry } from '../../core/wire/index.ts';

/**
 * Bytes that all holds keep together. Beyond it the hold that keeps most is ended, because its reader is too slow for
 * what is written meanwhile.
 */
const MAX_HELD_BYTES = 96 * 1024 * 1024;
/** What a changed key costs a hold beside what the hold keeps of it: a hex text and its place in a map. */
const KEY_BYTES = 160;

const cost = (was: Bytes | undefined): number => KEY_BYTES + (was?.length ?? 0);

/** What a hold keeps of an entry that is about to change. */
const FORMS = {
  /** Keeps the entry's row in the store. */
  row: (entry: Entry): Bytes => encodeEntry(entry),
  /** Keeps the entry's leaf in the tree, 32 bytes. */
  leaf: (entry: Entry, hash: Bytes, hasher: Hasher): Bytes => leafHash(hash, entry.siblings, hasher),
} as const;

/**
 * What was different at one moment from the present. Together with the rows of the present it makes the state of that
 * moment.
 */
export interface Hold {
  /**
   * For a key that has changed since the moment: `was` is its row or leaf at the moment, undefined when the key was not
   * in the state. Returns undefined for a key that has not changed. The caller must have read the row of the present
   * before it asks. Throws LatticeError `moved-on` when the hold has ended.
   */
  since(keyHash: Bytes): { readonly was: Bytes | undefined } | undefined;
  /**
   * The reader has read everything up to this key, so the hold keeps nothing of those keys. A hold of a prefix is read in
   * the order of keys, which it is told; every other one is read in the order of key hashes.
   */
  passed(keyHash: Bytes, key?: string): void;
  /**
   * What a reader in the order of keys has not come by, because the key shows nothing any more: its rows at the moment.
   * The hold keeps nothing from here on.
   */
  rest(): readonly { readonly keyHash: Bytes; readonly was: Bytes }[];
  readonly ended: boolean;
  end(): void;
}

export interface Holds {
  /**
   * Begins a hold of the present, or of the keys in it that begin with `prefix`. To be called between batches; the caller
   * ends the hold.
   */
  hold(form: keyof typeof FORMS, prefix?: string): Hold;
  /** Takes note of a step. It must be called before anybody can read what the step changed. */
  stepped(step: Step): void;
}

interface Held extends Hold {
  readonly bytes: number;
  note(hex: string, changed: ChangedEntry): void;
}

const movedOn = (): LatticeError =>
  new LatticeError('moved-on', 'too much has changed since the moment that is being read', {
    next: 'start again when less is written, or read the state by pages',
  });

/** How far a reader has come, and what it never reads. */
interface Place {
  isPassed(hex: string, key: string): boolean;
  pass(hex: string, key: string): void;
}

function createHashPlace(): Place {
  let position = '';
  return {
    isPassed: (hex) => hex <= position,
    pass: (hex) => (position = hex),
  };
}

function createKeyPlace(prefix: string): Place {
  const utf8 = new TextEncoder();
  let position: Bytes | undefined;
  return {
    isPassed: (_hex, key) =>
      !key.startsWith(prefix) || (position !== undefined && compareBytes(utf8.encode(key), position) <= 0),
    pass: (_hex, key) => (position = utf8.encode(key)),
  };
}

/**
 * Lets readers of a whole state, which may take minutes, read the state of one moment without a snapshot of the
 * database. While LevelDB has a snapshot open it keeps every version of every row; and version 1.20, once it has merged
 * files meanwhile, may answer reads with an older row.
 */
export function createHolds({
  hasher,
  maxBytes = MAX_HELD_BYTES,
}: {
  readonly hasher: Hasher;
  readonly maxBytes?: number;
}): Holds {
  const held = new Set<Held>();
  const total = (): number => Array.from(held).reduce((sum, hold) => sum + hold.bytes, 0);

  function create(form: keyof typeof FORMS, prefix: string | undefined): Held {
    const kept = new Map<string, Bytes | undefined>();
    const place = prefix === undefined ? createHashPlace() : createKeyPlace(prefix);
    let own = 0;
    let ended = false;
    const hold: Held = {
      get bytes() {
        return own;
      },
      get ended() {
        return ended;
      },
      note(hex, { key, keyHash, before }) {
        if (place.isPassed(hex, key) || kept.has(hex)) return;
        const was = before === undefined ? undefined : FORMS[form](before, keyHash, hasher);
        kept.set(hex, was);
        own += cost(was);
      },
      since(hash) {
        if (ended) throw movedOn();
        const hex = bytesToHex(hash);
        if (kept.size === 0 || !kept.has(hex)) return undefined;
        return { was: kept.get(hex) };
      },
      passed(hash, key = '') {
        const hex = bytesToHex(hash);
        place.pass(hex, key);
        if (!kept.has(hex)) return;
        own -= cost(kept.get(hex));
        kept.delete(hex);
      },
      rest() {
        if (ended) throw movedOn();
        const rows = Array.from(kept, ([hex, was]) => ({ keyHash: hexToBytes(hex) ?? new Uint8Array(), was }));
        hold.end();
        return rows.flatMap(({ keyHash, was }) => (was === undefined ? [] : { keyHash, was }));
      },
      end() {
        if (ended) return;
        ended = true;
        held.delete(hold);
        kept.clear();
      },
    };
    return hold;
  }

  return {
    hold(form, prefix) {
      const hold = create(form, prefix);
      held.add(hold);
      return hold;
    },
    stepped({ changed }) {
      if (held.size === 0) return;
      // A key that left the state has no row by which an iteration would reach it, so no hold could show it. That
      // happens only while a new state is verified, when nobody reads for long; so the holds end.
      if (changed.some(({ after }) => after === undefined)) for (const hold of held) hold.end();
      for (const one of changed) {
        const hex = bytesToHex(one.keyHash);
        for (const hold of held) hold.note(hex, one);
      }
      while (total() > maxBytes)
        Array.from(held)
          .reduce((most, hold) => (hold.bytes > most.bytes ? hold : most))
          .end();
    },
  };
}
