import type { Bytes } from '../types/index.ts';

/** Most settled keys that are remembered of a peer. Of more than that, a sample is remembered. */
const MAX_REMEMBERED = 4096;
/** How many bytes a name is made of, so that it is an exact number. */
const NAME_BYTES = 6;
const ALL_NAMES = 2 ** (8 * NAME_BYTES);

/**
 * Which keys were settled with a peer, by our leaf of each after the exchange. A peer that lists such a key as different
 * once more, while our leaf is the same, has not kept what it said it took, or never differed. When there are too many,
 * a sample is remembered: the names below a bound, which is halved whenever too many are left (Broder, "On the
 * resemblance and containment of documents", 1997: names are hashes, so those below a bound are a fair sample, and the
 * same one in every session).
 */
export class SettledKeys {
  readonly #names = new Set<number>();
  #bound = ALL_NAMES;

  get size(): number {
    return this.#names.size;
  }

  /** Notes a settled key. Returns whether it had been settled with this leaf before; undefined: not in the sample. */
  note(keyHash: Bytes, leaf: Bytes): 'first' | 'again' | undefined {
    let name = 0;
    for (let i = 0; i < NAME_BYTES; i++) name = name * 256 + ((keyHash[i] as number) ^ (leaf[i] as number));
    if (name >= this.#bound) return undefined;
    if (this.#names.has(name)) return 'again';
    this.#names.add(name);
    while (this.#names.size > MAX_REMEMBERED) {
      this.#bound /= 2;
      for (const one of this.#names) if (one >= this.#bound) this.#names.delete(one);
    }
    return 'first';
  }
}

/**
 * What a session came to, as far as this node sees it for itself: a peer may list what it never delivers, and say that
 * it holds what it forgets.
 */
export class SessionTally {
  #undelivered = 0;
  #settled = 0;
  #taken = 0;
  #again = 0;
  /** Keys that are not in the sample. */
  #unknown = 0;
  readonly #before: SettledKeys;

  constructor(before: SettledKeys) {
    this.#before = before;
  }

  /** Keys that the peer listed as different, and of which it then sent nothing. */
  get undelivered(): number {
    return this.#undelivered;
  }

  /**
   * A number that increases with every key of which the peer brought what was not here, and with every key that is
   * settled and was not before, as far as that is known.
   */
  get progress(): number {
    return this.#taken + this.#settled + this.#unknown;
  }

  /** Notes a key whose leaf of ours an answer of the peer has changed. */
  noteTaken(): void {
    this.#taken++;
  }

  /** Whether the peer brought anything that was not here. */
  get hasTaken(): boolean {
    return this.#taken > 0;
  }

  noteUndelivered(keys: number): void {
    this.#undelivered += keys;
  }

  /** Notes a key of which nothing was refused or missing. `leaf` is our leaf of it after the exchange. */
  noteSettled(keyHash: Bytes, leaf: Bytes): void {
    const noted = this.#before.note(keyHash, leaf);
    if (noted === 'first') this.#settled++;
    else if (noted === 'again') this.#again++;
    else this.#unknown++;
  }

  /**
   * What came of the session (SPEC S15): it was fruitless when most of what it tried to settle was not delivered, or
   * had been settled before; it was neither when there was nothing to settle.
   */
  get came(): 'fruitful' | 'fruitless' | 'nothing' {
    if (this.#settled > this.#again && this.#settled >= this.#undelivered) return 'fruitful';
    return this.#again > 0 || this.#undelivered > 0 ? 'fruitless' : 'nothing';
  }
}
