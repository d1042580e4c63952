import type { TokenView, TokenWish } from '../runtime/facade/index.ts';
import type { EmbeddedCall } from './embedded-call.ts';

/**
 * The tokens that the API of an embedded node takes beside that of its settings. They are of this node alone, and count
 * again after a restart. Every method ends as those of `EmbeddedLattice` do.
 */
export interface EmbeddedTokens {
  /**
   * Makes a token. Its text is told this once, because the node keeps a hash of it alone. `ttlMs` is how long it counts,
   * from a second to ten years; without it, until it is withdrawn.
   *
   * @throws `invalid-token`, `too-many-tokens` (256), `disk-full`, `store-write-failed`
   * @example
   * const { token } = await lattice.tokens.create({ name: 'sensors', right: 'write', prefix: 'sensors/' });
   * console.log(token.length);
   */
  create(wish: TokenWish, options?: EmbeddedCall): Promise<TokenView & { readonly token: string }>;

  /**
   * Lists the tokens that count, oldest first, without their texts.
   *
   * @throws nothing of its own
   * @example
   * for (const { id, name, right } of lattice.tokens.list()) console.log(id, name, right);
   */
  list(): readonly TokenView[];

  /**
   * Withdraws a token by its id. It counts no more when the promise resolves.
   *
   * @throws `not-found`, `store-write-failed`
   * @example
   * for (const { id, name } of lattice.tokens.list()) if (name === 'sensors') await lattice.tokens.remove(id);
   */
  remove(id: string, options?: EmbeddedCall): Promise<void>;
}
