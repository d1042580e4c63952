import type { JsonValue } from '../../core/types/index.ts';

/** What is written in place of what an author wrote. */
export const REPLACED_CODES = [
  'deleted', // a deletion
  'from-backup', // the value that was given for the key
  'settled', // the value that another author wrote at the same time, which stays alone
] as const;
export type ReplacedCode = (typeof REPLACED_CODES)[number];

/** Why what an author wrote is left as it is. */
export const LEFT_CODES = [
  'shows-nothing', // it is a deletion, or has ended, and there is nothing to put in its place
  'in-conflict', // several others wrote the key at the same time: which of them stays is for people to decide
  'vault', // it names an object of the vault, which the vault alone changes
  'changed', // somebody wrote the key meanwhile
  'refused', // the node does not take the value, or its end
] as const;
export type LeftCode = (typeof LEFT_CODES)[number];

/** A key that is to be cleaned, and an earlier value of it. */
export interface CleanKey {
  readonly key: string;
  /** What is written where nobody else wrote the key at the same time; absent: a deletion. */
  readonly value?: JsonValue | undefined;
  /** When the value ends, Unix ms; a value that has ended counts as none. */
  readonly expires?: number | undefined;
}

/** What is to be cleaned of an author. */
export interface CleanWish {
  /** The earliest time of its writes that is of interest, Unix ms. Default: 0. */
  readonly since?: number | undefined;
  /** The most keys of one call, up to 1,000. Default: 256. */
  readonly limit?: number | undefined;
  /** Where the call before it stopped. */
  readonly cursor?: string | undefined;
  /** These keys alone, 1 to 256 of them, in place of all; without `limit` and `cursor`. */
  readonly keys?: readonly CleanKey[] | undefined;
  /** True: says what would become of the keys, and writes nothing. */
  readonly dryRun?: boolean | undefined;
}

/** What has become of a key, or would become of it. */
export interface CleanedKey {
  readonly key: string;
  readonly does: ReplacedCode | LeftCode;
}
