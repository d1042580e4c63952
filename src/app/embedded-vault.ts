import type { Page, VaultChecked, VaultCollection, VaultObject, VaultStatus } from '../runtime/facade/index.ts';
import type { Stream } from '../timing/index.ts';
import type { EmbeddedCall, EmbeddedPage } from './embedded-call.ts';

/** What is said of content that a program puts. */
export interface EmbeddedPutOptions extends EmbeddedCall {
  /** A file name, without a directory. */
  readonly name?: string | undefined;
  /** The media type. */
  readonly type?: string | undefined;
  /** Nodes whose policy is `pinned` keep it too. */
  readonly pin?: boolean | undefined;
  /** The SHA-256 that the content must have, 64 hex digits. The node keeps nothing of other content. */
  readonly expect?: string | undefined;
}

/**
 * The vault of an embedded node: content by its SHA-256 (64 lower-case hex digits), which is named in the replicated
 * state. The bytes follow to the other nodes by their policies. Every method ends as those of `EmbeddedLattice` do.
 */
export interface EmbeddedVault {
  /**
   * Takes content in as it comes; when the promise resolves the bytes are durable here and the entry is written. The
   * same content again answers `created: false`. Nothing stays of content whose call rejects.
   *
   * @throws `object-too-large`, `hash-mismatch`, `disk-full`, `invalid-value` for a name or type that is none,
   * `vault-store-failed`, or what `EmbeddedLattice.write` throws
   * @example
   * async function* content() {
   *   yield new TextEncoder().encode('hello');
   * }
   * const { object, created } = await lattice.vault?.put(content(), { name: 'hello.txt', type: 'text/plain' }) ?? {};
   * console.log(object?.hash, created);
   */
  put(
    content: AsyncIterable<Uint8Array>,
    options?: EmbeddedPutOptions,
  ): Promise<{ readonly object: VaultObject; readonly created: boolean }>;

  /**
   * Reads an object, or its bytes from `start` on and before `end`. Every block is verified before a byte of it is handed
   * out. Whoever stops reading ends the stream, as `break` does.
   *
   * @throws `object-not-found` when no entry names it; `object-missing` when the bytes are not here, whose `next` says
   * whether they come; `invalid-range`; while it is read, `object-damaged`
   * @example
   * const opened = await lattice.vault?.open(hash, { range: { start: 0, end: 100 } });
   * for await (const piece of opened?.bytes ?? []) console.log(piece.length);
   */
  open(
    hash: string,
    options?: EmbeddedCall & { readonly range?: { readonly start: number; readonly end: number } | undefined },
  ): Promise<{ readonly object: VaultObject; readonly bytes: Stream<Uint8Array> }>;

  /**
   * Tells what is known of an object. Undefined where no entry names it.
   *
   * @throws `invalid-hash`
   * @example
   * const object = await lattice.vault?.stat(hash);
   * console.log(object?.size, object?.here);
   */
  stat(hash: string, options?: EmbeddedCall): Promise<VaultObject | undefined>;

  /**
   * Reads one page of the objects, in the order of their hashes.
   *
   * @throws `invalid-limit`, `invalid-cursor`
   * @example
   * const page = await lattice.vault?.list({ limit: 50 });
   * for (const { hash, name, size } of page?.items ?? []) console.log(hash, name, size);
   */
  list(options?: EmbeddedPage): Promise<Page<VaultObject>>;

  /**
   * Tells how the vault is: what the state names, what of it is here, what is fetched, and what is damaged.
   *
   * @throws nothing of its own
   * @example
   * console.log(lattice.vault?.status().missing.objects);
   */
  status(): VaultStatus;

  /**
   * Asks every reachable member whether it has the bytes, and tells of this node too.
   *
   * @throws `object-not-found`
   * @example
   * for (const { label, has } of await lattice.vault?.holders(hash) ?? []) console.log(label, has);
   */
  holders(
    hash: string,
    options?: EmbeddedCall,
  ): Promise<readonly { readonly author: string; readonly label: string; readonly has: boolean }[]>;

  /**
   * Gives the leaf hashes of the block tree of an object, 32 bytes each, in order: with them anyone verifies ranges.
   *
   * @throws `object-not-found`, `object-missing`
   * @example
   * const leaves = await lattice.vault?.leaves(hash);
   * console.log((leaves?.length ?? 0) / 32);
   */
  leaves(hash: string, options?: EmbeddedCall): Promise<Uint8Array>;

  /**
   * Pins an object, so that nodes whose policy is `pinned` keep it, or takes the pin away.
   *
   * @throws `object-not-found`, or what `EmbeddedLattice.write` throws
   * @example
   * await lattice.vault?.pin(hash, true);
   */
  pin(hash: string, pinned: boolean, options?: EmbeddedCall): Promise<VaultObject>;

  /**
   * Fetches the bytes of an object from members at once, whatever the policy is. It resolves when they are here whole.
   *
   * @throws `object-not-found`, `object-missing` when no reachable member has it, `disk-full`
   * @example
   * await lattice.vault?.fetch(hash, { signal: AbortSignal.timeout(60_000) });
   */
  fetch(hash: string, options?: EmbeddedCall): Promise<VaultObject>;

  /**
   * Deletes the entry of an object. No node keeps its bytes beyond the grace then.
   *
   * @throws `object-not-found`, or what `EmbeddedLattice.write` throws
   * @example
   * await lattice.vault?.remove(hash);
   */
  remove(hash: string, options?: EmbeddedCall): Promise<void>;

  /**
   * Reads and checks the bytes of one object, or of all that are here. `fault` says what was found damaged.
   *
   * @throws while it is read: `object-not-found`, `vault-store-failed`
   * @example
   * for await (const { hash, fault } of lattice.vault?.verify() ?? []) console.log(hash, fault ?? 'good');
   */
  verify(options?: EmbeddedCall & { readonly hash?: string | undefined }): Stream<VaultChecked>;

  /**
   * Removes bytes that no entry has named for longer than the grace; with `dryRun`, tells what would be removed.
   *
   * @throws `vault-store-failed`
   * @example
   * const taken = await lattice.vault?.collect({ dryRun: true });
   * console.log(taken?.bytes, taken?.kept.length);
   */
  collect(options?: EmbeddedCall & { readonly dryRun?: boolean }): Promise<VaultCollection>;
}
