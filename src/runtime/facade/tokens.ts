import type { Right } from '../../core/rows/index.ts';

export type { Right };

/** A token that this node made, without its secret (SPEC TK). */
export interface TokenView {
  /** 16 hex digits, which stand in the token too. */
  readonly id: string;
  readonly name: string;
  /** `read`: whatever may be read. `write`: also keys under `prefix`. `operate`: everything, as the API token may. */
  readonly right: Right;
  /** For `write`: the beginning of the keys that it may write; '' for all of them. */
  readonly prefix?: string;
  /** Unix ms. */
  readonly created: number;
  /** Unix ms. Absent where it has no end. */
  readonly expires?: number;
  /** Unix ms: when it was last used, since the node started. Absent when it was not. */
  readonly lastUsed?: number;
}

/** What is asked of a new token. */
export interface TokenWish {
  /** What it is for, 1 to 64 bytes. */
  readonly name: string;
  readonly right: Right;
  /** For `write` alone: at most 1,024 bytes; '' and absent mean all keys. */
  readonly prefix?: string;
  /** How long it is valid, at most ten years. Absent: until it is withdrawn. */
  readonly ttlMs?: number;
}

/** The tokens that an operator makes and withdraws while the node runs. They are of this node alone. */
export interface AccessTokens {
  /** Those that are valid, oldest first. */
  list(): readonly TokenView[];
  /**
   * Makes a token. The text of it is told this once: the node keeps its hash. It is durable when the promise resolves.
   * Rejects with LatticeError `invalid-token` or `too-many-tokens`.
   */
  create(wish: TokenWish): Promise<TokenView & { readonly token: string }>;
  /** Withdraws a token by its id. It counts no more when the promise resolves. Rejects with LatticeError `not-found`. */
  remove(id: string): Promise<void>;
  /** The token whose whole text this is, when it is valid. It counts as used. */
  find(text: string): TokenView | undefined;
  /** Whether a token of this id is still valid. */
  isValid(id: string): boolean;
  /** Whether there is a valid token at all. */
  any(): boolean;
}
