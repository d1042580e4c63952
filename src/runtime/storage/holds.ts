import { leafHash } from '../../core/merkle/index.ts';
import type { Step } from '../../core/replica/index.ts';
import { type Bytes, bytesToHex, type Entry, type Hasher, LatticeError } from '../../core/types/index.ts';
import { encodeEntry } from '../../core/wire/index.ts';

/**
 * Bytes that all holds keep together. Beyond it the one that keeps most is ended: its reader is too slow for what is
 * written meanwhile.
 */
const MAX_HELD_BYTES = 96 * 1024 * 1024;
/** What a changed key costs a hold beside what is kept of it: a hex text and its place in a map. */
const KEY_BYTES = 160;

const cost = (was: Bytes | undefined): number => KEY_BYTES + (was?.length ?? 0);

/** What a hold keeps of an entry that is about to change. */
const FORMS = {
  /** Its row in the store. */
  row: (entry: Entry): Bytes => encodeEntry(entry),
  /** Its leaf in the tree, 32 bytes. */
  leaf: (entry: Entry, hash: Bytes, hasher: Hasher): Bytes => leafHash(hash, entry.siblings, hasher),
} as const;

/**
 * The state of one moment, as far as it differs from the present: with the rows of the present it makes the state of
 * then.
 */
export interface Hold {
  /**
   * Of a key that has changed since the moment: its row or leaf of then, undefined when it was not there. Undefined for
   * one that has not changed. To be asked after the row of the present has been read. LatticeError `moved-on` when the
   * hold has ended.
   */
  since(keyHash: Bytes): { readonly was: Bytes | undefined } | undefined;
  /** Everything up to this key hash has been read, in the order of key hashes: nothing is kept of it any more. */
  passed(keyHash: Bytes): void;
  readonly ended: boolean;
  end(): void;
}

export interface Holds {
  /** From now on, to be called between batches. The holder ends it. */
  hold(form: keyof typeof FORMS): Hold;
  /** To be told of every step before any of it can be read. */
  stepped(step: Step): void;
}

interface Held extends Hold {
  readonly bytes: number;
  note(hex: string, hash: Bytes, before: Entry | undefined): void;
}

/**
 * Readers of a whole state, which take minutes, get the state of one moment without a snapshot of the store: as long as
 * LevelDB has one open it keeps every version of every row, and version 1.20, once it has merged files under one, may
 * answer reads with the older row.
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

  function create(form: keyof typeof FORMS): Held {
    const kept = new Map<string, Bytes | undefined>();
    let own = 0;
    let ended = false;
    let position = '';
    const hold: Held = {
      get bytes() {
        return own;
      },
      get ended() {
        return ended;
      },
      note(hex, hash, before) {
        if (hex <= position || kept.has(hex)) return;
        const was = before === undefined ? undefined : FORMS[form](before, hash, hasher);
        kept.set(hex, was);
        own += cost(was);
      },
      since(hash) {
        if (ended)
          throw new LatticeError('moved-on', 'too much has changed since the moment that is being read', {
            next: 'start again when less is written, or read the state by pages',
          });
        const hex = bytesToHex(hash);
        if (kept.size === 0 || !kept.has(hex)) return undefined;
        return { was: kept.get(hex) };
      },
      passed(hash) {
        position = bytesToHex(hash);
        if (!kept.has(position)) return;
        own -= cost(kept.get(position));
        kept.delete(position);
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
    hold(form) {
      const hold = create(form);
      held.add(hold);
      return hold;
    },
    stepped({ changed }) {
      if (held.size === 0) return;
      // A key that has left the state has no row to be put in order by. It happens while a new state is verified, when
      // nobody reads it for long.
      if (changed.some(({ after }) => after === undefined)) for (const hold of held) hold.end();
      for (const { keyHash, before } of changed) {
        const hex = bytesToHex(keyHash);
        for (const hold of held) hold.note(hex, keyHash, before);
      }
      while (total() > maxBytes)
        Array.from(held)
          .reduce((most, hold) => (hold.bytes > most.bytes ? hold : most))
          .end();
    },
  };
}
