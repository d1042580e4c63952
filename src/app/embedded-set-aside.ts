import type { AsideChoice, AsideView, Page, Recovered, RecoverWish } from '../runtime/facade/index.ts';
import type { EmbeddedCall, EmbeddedPage } from './embedded-call.ts';

/**
 * What was taken out of the state of an embedded node, because it came too late for a cut that all writers had attested,
 * or because other writers refuse it as below the floor. Every method ends as those of `EmbeddedLattice` do.
 */
export interface EmbeddedSetAside {
  /**
   * Reads one page of it, by key, and of one key the newest first.
   *
   * @throws `invalid-limit`, `invalid-cursor`; `store-read-failed`
   * @example
   * const { items } = await lattice.setAside.list({ limit: 50 });
   * for (const { key, value, label, standing } of items) console.log(key, value, label, standing);
   */
  list(options?: EmbeddedPage): Promise<Page<AsideView>>;

  /**
   * Writes the newest of what is set aside under each of up to 256 keys anew, as commits of this node, and forgets what
   * is set aside there. With `all`, 256 keys a call: while there is a cursor, there is more. What a key was written to
   * later stays, unless `overwrite` is true.
   *
   * @throws `invalid-body`; `not-found` for a key under which nothing is set aside; `invalid-cursor`; `overloaded` while
   * another such call runs; what a write throws, with what was written before in `details.written`
   * @example
   * const { written, passedOver } = await lattice.setAside.recover({ all: true });
   * console.log(written, passedOver);
   */
  recover(wish: RecoverWish, options?: EmbeddedCall): Promise<Recovered>;

  /**
   * Forgets what is set aside under up to 256 keys, or all of it, for good.
   *
   * @throws `invalid-body`, `not-found`, `store-write-failed`
   * @example
   * const { forgotten } = await lattice.setAside.forget({ all: true });
   * console.log(forgotten);
   */
  forget(choice: AsideChoice, options?: EmbeddedCall): Promise<{ readonly forgotten: number }>;
}
