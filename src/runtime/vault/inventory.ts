import type { StoredObject } from '../../ports/index.ts';
import type { VaultPolicy } from '../facade/index.ts';

/** What the inventory keeps of an object that the state names. */
export interface NamedObject {
  /** Bytes. */
  readonly size: number;
  readonly pinned: boolean;
}

/** A number of objects and their bytes together. */
export interface Tally {
  readonly objects: number;
  readonly bytes: number;
}

/**
 * What the state names and what is here, in memory: some 300 bytes an object, so that the status and the fetches never
 * read the store to know it. Only this module writes it, and every change goes into the sums at once.
 */
export interface Inventory {
  named(hash: string): NamedObject | undefined;
  /** What is here whole. */
  held(hash: string): StoredObject | undefined;
  /** Bytes that are here of an object that is not here whole. */
  partialBytes(hash: string): number;
  /** Everything that is here whole, named or not. */
  allHeld(): Iterable<StoredObject>;
  /** What the policy asks for and is not here: pinned objects first, then in the order in which they were named. */
  missing(): Iterable<string>;
  /** Whether the policy asks for the object. */
  wants(hash: string): boolean;
  setNamed(hash: string, object: NamedObject | undefined): void;
  setHeld(hash: string, object: StoredObject | undefined): void;
  setPartial(hash: string, bytes: number): void;
  /** Notes whether the entry of a key is in another form than that of an object. */
  setOdd(key: string, isOdd: boolean): void;
  setPolicy(policy: VaultPolicy): void;
  sums(): { readonly named: Tally; readonly here: Tally; readonly missing: Tally; readonly odd: number };
  /** Bytes of everything that is here whole, named or not. */
  heldBytes(): number;
}

interface Sum {
  objects: number;
  bytes: number;
}

function add(sum: Sum, size: number, sign: 1 | -1): void {
  sum.objects += sign;
  sum.bytes += sign * size;
}

export function createInventory(given: VaultPolicy): Inventory {
  let policy = given;
  const named = new Map<string, NamedObject>();
  const held = new Map<string, StoredObject>();
  const partials = new Map<string, number>();
  const odd = new Set<string>();
  const pinnedMissing = new Set<string>();
  const otherMissing = new Set<string>();
  const sums = { named: zero(), here: zero(), missing: zero(), held: zero() };

  const asksFor = (object: NamedObject): boolean => policy === 'all' || (policy === 'pinned' && object.pinned);

  /** Counts the object into the sums or out of them, as it is at the time of the call. */
  function count(hash: string, sign: 1 | -1): void {
    const object = named.get(hash);
    const stored = held.get(hash);
    if (stored !== undefined) add(sums.held, stored.size, sign);
    if (object === undefined) return;
    add(sums.named, object.size, sign);
    if (stored !== undefined) add(sums.here, object.size, sign);
    else if (asksFor(object)) {
      add(sums.missing, object.size, sign);
      const set = object.pinned ? pinnedMissing : otherMissing;
      if (sign === 1) set.add(hash);
      else set.delete(hash);
    }
  }

  function change(hash: string, run: () => void): void {
    count(hash, -1);
    run();
    count(hash, 1);
  }

  return {
    named: (hash) => named.get(hash),
    held: (hash) => held.get(hash),
    partialBytes: (hash) => (held.has(hash) ? 0 : (partials.get(hash) ?? 0)),
    allHeld: () => held.values(),
    *missing() {
      yield* pinnedMissing;
      yield* otherMissing;
    },
    wants: (hash) => {
      const object = named.get(hash);
      return object !== undefined && asksFor(object);
    },
    setNamed(hash, object) {
      const before = named.get(hash);
      // An entry that was only pinned keeps its place among what is missing.
      if (
        before !== undefined &&
        object !== undefined &&
        before.size === object.size &&
        before.pinned === object.pinned
      )
        return;
      change(hash, () => {
        if (object === undefined) named.delete(hash);
        else named.set(hash, object);
      });
    },
    setHeld(hash, object) {
      change(hash, () => {
        if (object === undefined) held.delete(hash);
        else held.set(hash, object);
      });
      if (object !== undefined) partials.delete(hash);
    },
    setPartial(hash, bytes) {
      if (bytes === 0) partials.delete(hash);
      else partials.set(hash, bytes);
    },
    setOdd(key, isOdd) {
      if (isOdd) odd.add(key);
      else odd.delete(key);
    },
    setPolicy(next) {
      if (next === policy) return;
      for (const hash of named.keys()) count(hash, -1);
      policy = next;
      for (const hash of named.keys()) count(hash, 1);
    },
    sums: () => ({
      named: { ...sums.named },
      here: { ...sums.here },
      missing: { ...sums.missing },
      odd: odd.size,
    }),
    heldBytes: () => sums.held.bytes,
  };
}

const zero = (): Sum => ({ objects: 0, bytes: 0 });
