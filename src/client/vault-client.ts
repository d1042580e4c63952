/// <reference lib="esnext.disposable" preserve="true" />
import type { CountedVault, MadeBundle } from '../api/contract/original-vault-routes.ts';
import type {
  VaultCheck,
  VaultCollection,
  VaultHolder,
  VaultObject,
  VaultPage,
  VaultState,
} from '../api/contract/vault-entities.ts';
import type { Stream } from '../timing/stream.ts';
import type { CallOptions } from './request.ts';
import type { Content } from './upload.ts';

/** How far a transfer is, in bytes. */
export interface VaultProgress {
  readonly sent: number;
  /** Undefined where the length is not known beforehand. */
  readonly of: number | undefined;
}

/** What is said of content that is put. `timeoutMs` is the longest time without progress. */
export interface VaultPutOptions extends CallOptions {
  /** A file name, without a directory. */
  readonly name?: string | undefined;
  /** The media type. Default: that of a Blob or File. */
  readonly type?: string | undefined;
  /** Nodes whose policy is `pinned` keep it too. */
  readonly pin?: boolean | undefined;
  /** The SHA-256 that the content must have, 64 hex digits. The node keeps nothing of other content. */
  readonly expect?: string | undefined;
  readonly onProgress?: ((progress: VaultProgress) => void) | undefined;
}

/** What of an object is read. `timeoutMs` is the longest time without progress. */
export interface VaultGetOptions extends CallOptions {
  /** The bytes from `start` on and before `end`. Default: all of them. */
  readonly range?: { readonly start: number; readonly end?: number | undefined } | undefined;
  /** With false, what comes is handed out as it is. Default: true. */
  readonly verify?: boolean | undefined;
  /**
   * The root of the block tree, 64 hex digits, to which the blocks of a range must lead, from a proof of the entry
   * `vault/<hash>`. Default: the root that the node names, which is believed.
   */
  readonly root?: string | undefined;
}

/** The content of an object on its way. */
export interface VaultContent {
  /** SHA-256 of the whole content. */
  readonly hash: string;
  /** Bytes of the whole content. */
  readonly size: number;
  /** Bytes that come. */
  readonly length: number;
  /** The media type that was put with it, or `application/octet-stream`. */
  readonly type: string;
  /** The file name that was put with it; empty where none was. */
  readonly name: string;
  /** The bytes as they come. The last of them are handed out only when all are verified. */
  readonly stream: Stream<Uint8Array>;
  /**
   * Reads all of it into memory.
   *
   * @throws `hash-mismatch` when it is not what the hash names, `unreachable` when it is cut short
   * @example
   * const bytes = await content.bytes();
   * console.log(bytes.length);
   */
  bytes(): Promise<Uint8Array>;
}

/** One object that was checked. */
export type VaultChecked = Extract<VaultCheck, { readonly hash: string }>;
/** How far a node is with the reading of a large object that it checks. */
export type VaultReading = Extract<VaultCheck, { readonly reading: string }>;

/** The vault of a node: content by its SHA-256, which is named in the replicated state. */
export interface VaultClient {
  /**
   * Puts content into the vault. The node has it durably when the promise resolves. Content that was there already
   * answers `created: false`. The client computes the hash too, and compares.
   *
   * @throws `unauthorized`, `object-too-large`, `hash-mismatch`, `upload-too-slow`, `read-only`, `disk-full`,
   * `overloaded`, `invalid-value` for a name or type that is none, `vault-store-failed`
   * @example
   * const { object, created } = await client.vault.put(new Blob(['hello']), { name: 'hello.txt', type: 'text/plain' });
   * console.log(object.hash, created);
   */
  put(content: Content, options?: VaultPutOptions): Promise<{ object: VaultObject; created: boolean }>;

  /**
   * Reads the content of an object, or a range of it. It is verified here: the whole content by its SHA-256, a range
   * block by block. Resolves when the answer has begun.
   *
   * @throws `object-not-found`; `object-missing` when the node does not have the bytes; `range-not-satisfiable`; while it
   * is read: `hash-mismatch` before the last bytes of what is not what the hash names, `unreachable` when it is cut short
   * @example
   * const content = await client.vault.get(hash);
   * for await (const piece of content.stream) console.log(piece.length);
   */
  get(hash: string, options?: VaultGetOptions): Promise<VaultContent>;

  /**
   * Tells what is known of an object. Resolves to undefined when the vault does not have it.
   *
   * @throws `invalid-path` for what is no hash
   * @example
   * const object = await client.vault.stat(hash);
   * console.log(object?.name, object?.size, object?.here);
   */
  stat(hash: string, options?: CallOptions): Promise<VaultObject | undefined>;

  /**
   * Reads one page of the objects, in the order of their hashes: 1 to 1,000, by default 100.
   *
   * @throws `invalid-query`, `invalid-cursor`
   * @example
   * const { objects, cursor } = await client.vault.list({ limit: 50 });
   * console.log(objects.length, cursor);
   */
  list(
    options?: CallOptions & { readonly limit?: number | undefined; readonly cursor?: string | undefined },
  ): Promise<VaultPage>;

  /**
   * Reads all objects, in the order of their hashes and page by page.
   *
   * @throws nothing of its own
   * @example
   * for await (const { hash, name } of client.vault.objects()) console.log(hash, name);
   */
  objects(options?: CallOptions): Stream<VaultObject>;

  /**
   * Tells what is in the vault, what of it the node has, and what it fetches.
   *
   * @throws nothing of its own
   * @example
   * const { objects, here, missing } = await client.vault.status();
   * console.log(objects, here.objects, missing.objects);
   */
  status(options?: CallOptions): Promise<VaultState>;

  /**
   * Asks which members have the bytes of an object.
   *
   * @throws `object-not-found`
   * @example
   * for (const { label, has } of await client.vault.holders(hash)) console.log(label, has);
   */
  holders(hash: string, options?: CallOptions): Promise<VaultHolder[]>;

  /**
   * Gets the leaf hashes of the block tree, 32 bytes each, with which anybody verifies ranges.
   *
   * @throws `object-not-found`, `object-missing`
   * @example
   * const leaves = await client.vault.leaves(hash);
   * console.log(leaves.length / 32);
   */
  leaves(hash: string, options?: CallOptions): Promise<Uint8Array>;

  /**
   * Pins an object, so that nodes whose policy is `pinned` keep it too.
   *
   * @throws `unauthorized`, `object-not-found`, `read-only`
   * @example
   * const { pinned } = await client.vault.pin(hash);
   * console.log(pinned);
   */
  pin(hash: string, options?: CallOptions): Promise<VaultObject>;

  /**
   * Takes the pin of an object away.
   *
   * @throws `unauthorized`, `object-not-found`, `read-only`
   * @example
   * await client.vault.unpin(hash);
   */
  unpin(hash: string, options?: CallOptions): Promise<VaultObject>;

  /**
   * Has the node fetch the bytes of an object from other members. Resolves when they are there, or after 20 s, while
   * the fetch goes on: `here` of the answer says which.
   *
   * @throws `unauthorized`, `object-not-found`, `object-missing` when nobody has them, `disk-full`
   * @example
   * const { here, bytesHere } = await client.vault.fetch(hash);
   * console.log(here, bytesHere);
   */
  fetch(hash: string, options?: CallOptions): Promise<VaultObject>;

  /**
   * Deletes the entry of an object, so that no node keeps its bytes for longer than a day.
   *
   * @throws `unauthorized`, `object-not-found`, `read-only`
   * @example
   * await client.vault.remove(hash);
   */
  remove(hash: string, options?: CallOptions): Promise<void>;

  /**
   * Has the node read and check the bytes of one object, or of all that it has, and tells of each object as it is done.
   * `fault` is absent where every byte is as it should be. `onReading` is told after each 16 MiB of a large object how
   * far the node is, and `timeoutMs` is the longest time without either. The node ends the check when its caller does.
   *
   * @throws while it is read: `unauthorized`, `object-not-found`, `overloaded`, `vault-store-failed` when the check
   * ended before its time, `unreachable` when the answer is cut short
   * @example
   * for await (const { hash, fault } of client.vault.verify()) if (fault !== undefined) console.log(hash, fault);
   */
  verify(
    options?: CallOptions & {
      readonly hash?: string | undefined;
      readonly onReading?: ((reading: VaultReading) => void) | undefined;
    },
  ): Stream<VaultChecked>;

  /**
   * Has the node remove the bytes that nothing names any more, or say which these are.
   *
   * @throws `unauthorized`
   * @example
   * const { removed, bytes } = await client.vault.gc({ dryRun: true });
   * console.log(removed.length, bytes);
   */
  gc(options?: CallOptions & { readonly dryRun?: boolean | undefined }): Promise<VaultCollection>;

  /**
   * Tells what the original would count of its files in the vault, and its root of them; null where there are none.
   *
   * @throws nothing of its own
   * @example
   * const { root, rows } = await client.vault.original();
   * console.log(root, rows);
   */
  original(options?: CallOptions): Promise<CountedVault>;

  /**
   * Has the node make a bundle in the form of the original, with its digest and the signature of the node: of code, or
   * of a function whose entry is in the vault. A bundle that is there already is answered with `created: false`.
   *
   * @throws `unauthorized`, `not-found`, `vault-file-malformed`, `vault-file-mismatch`, `read-only`, `disk-full`
   * @example
   * const made = await client.vault.bundle({ code: 'intent greet(a)', metadata: { intent_name: 'greet' } });
   * console.log(made.name, made.bundle);
   */
  bundle(
    of:
      | { readonly code: string; readonly metadata?: Readonly<Record<string, unknown>> }
      | { readonly function: string },
    options?: CallOptions,
  ): Promise<MadeBundle>;
}
