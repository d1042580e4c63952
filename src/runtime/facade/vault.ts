import type { Bytes } from '../../core/types/index.ts';
import type { Page } from './entries.ts';

/**
 * Which bytes a node fetches: of every object (`all`), of pinned ones (`pinned`), or of none (`none`). What is put at
 * the node itself it always keeps.
 */
export type VaultPolicy = 'all' | 'pinned' | 'none';

/** An object of the vault: what the replicated entry `vault/<hash>` says of it, and what of it is here. */
export interface VaultObject {
  /** SHA-256 of the content, 64 lower-case hex digits. */
  readonly hash: string;
  /** Bytes. */
  readonly size: number;
  /** Root of the block tree (SPEC), 64 hex digits. */
  readonly root: string;
  /** Media type and file name as they were given; the empty string where none was. */
  readonly type: string;
  readonly name: string;
  readonly pinned: boolean;
  /** Unix ms, from the commit that named it, and that commit's author. */
  readonly at: number;
  readonly author: string;
  /** Whether this node has the bytes: `whole`, `partly` while they are fetched, or `missing`. */
  readonly here: 'whole' | 'partly' | 'missing';
  /** Bytes that are here. */
  readonly bytesHere: number;
}

/** An object that is being fetched, or that could not be. */
export interface VaultFetch {
  readonly hash: string;
  readonly size: number;
  readonly bytesHere: number;
  /** Labels of the nodes that blocks come from. */
  readonly from: readonly string[];
  /** Why it does not go on, as a whole sentence with the next step, and when it is tried again (Unix ms). */
  readonly waiting?: { readonly reason: string; readonly retryAt: number };
}

export interface VaultStatus {
  readonly policy: VaultPolicy;
  /** Where the bytes lie. What is in `memory` ends with the process. */
  readonly store: 'files' | 's3' | 'memory';
  /** Most bytes of one object, and of all that this node fetches by itself; absent where there is no bound. */
  readonly maxObjectBytes: number;
  readonly capacityBytes?: number;
  /** What the state names. */
  readonly objects: number;
  readonly bytes: number;
  /** What of it is here whole, and what the policy asks for and is not here yet. Both count named objects only. */
  readonly here: { readonly objects: number; readonly bytes: number };
  readonly missing: { readonly objects: number; readonly bytes: number };
  /** The first 64 fetches under way or waiting. */
  readonly fetching: readonly VaultFetch[];
  /** Objects whose bytes failed a check since the node started, newest first, at most 64. */
  readonly damaged: readonly { readonly hash: string; readonly at: number; readonly text: string }[];
  /** Peers that sent wrong bytes for an object since the node started, newest first, at most 64. */
  readonly leftOut: readonly {
    readonly hash: string;
    /** What people read in place of the peer's id. */
    readonly peer: string;
    readonly at: number;
    readonly text: string;
  }[];
  /** How many entries under `vault/` are in another form than that of an object. They name nothing. */
  readonly odd: number;
  /** True while the node still looks at what the state names and what is here, for some time after a start. */
  readonly starting: boolean;
  /** Why nothing is fetched at present, as a whole sentence with the next step: the disk is full or cannot be read. */
  readonly paused?: string;
}

export interface VaultPutOptions {
  readonly name?: string;
  readonly type?: string;
  readonly pin?: boolean;
  /** The SHA-256 that the content must have. */
  readonly expect?: string;
  readonly signal?: AbortSignal;
}

/** What a garbage collection took, or would take. */
export interface VaultCollection {
  readonly dryRun: boolean;
  readonly removed: readonly { readonly hash: string; readonly size: number }[];
  readonly bytes: number;
  /** Why others stay that no entry names: the grace, a value, a bundle or a put under way. */
  readonly kept: readonly { readonly hash: string; readonly size: number; readonly because: string }[];
}

/** One step of a check of the bytes that are here. */
export interface VaultChecked {
  readonly hash: string;
  readonly size: number;
  /** Undefined when every byte was as named. */
  readonly fault: string | undefined;
}

/** How far the reading of a large object is. */
export interface VaultReading {
  readonly reading: string;
  readonly size: number;
  /** Bytes that have been read. */
  readonly read: number;
}

/** The content-addressed vault of a node. What is in it is replicated state; the bytes follow by policy. */
export interface VaultService {
  /**
   * Takes content in as it comes; when the promise resolves the bytes are durable here and the entry is written. The
   * same content again answers `created: false`. Rejects with LatticeError `object-too-large`, `hash-mismatch`,
   * `disk-full`, `vault-store-failed`, or what `Lattice.write` rejects with; nothing of it stays then.
   */
  put(
    content: AsyncIterable<Bytes>,
    options?: VaultPutOptions,
  ): Promise<{ readonly object: VaultObject; readonly created: boolean }>;
  stat(hash: string): Promise<VaultObject | undefined>;
  /**
   * The bytes from `start` on and before `end` (all by default). Every block is verified before any byte of it is
   * handed out. Rejects with LatticeError `object-not-found` (no entry names it), `object-missing` (the bytes are not
   * here; `next` says whether they come) or `invalid-range`; a damaged block ends the iteration with `object-damaged`.
   */
  open(
    hash: string,
    range?: { readonly start: number; readonly end: number },
  ): Promise<{ readonly object: VaultObject; readonly bytes: AsyncIterable<Bytes> }>;
  /** The leaf hashes of the object's block tree, 32 bytes each, in order: with them anyone verifies ranges. */
  leaves(hash: string): Promise<Bytes>;
  /** Objects in the order of hashes, with `fits` as in `Lattice.list`. */
  list(options?: {
    readonly limit?: number;
    readonly cursor?: string;
    readonly fits?: (item: VaultObject) => boolean;
  }): Promise<Page<VaultObject>>;
  pin(hash: string, pinned: boolean): Promise<VaultObject>;
  /** Deletes the entry, so that no node keeps the bytes beyond the grace. Rejects with `object-not-found`. */
  remove(hash: string): Promise<void>;
  /** Which reachable members have the bytes, asked now. */
  holders(hash: string): Promise<readonly { readonly author: string; readonly label: string; readonly has: boolean }[]>;
  /** Fetches an object now, whatever the policy is. Resolves when it is here whole. */
  fetch(hash: string, options?: { readonly signal?: AbortSignal }): Promise<VaultObject>;
  /**
   * Reads and checks the bytes of one object, or of all that are here. Of a large object it tells meanwhile how far it is,
   * after each 16 MiB; whoever ends the iteration there ends the reading.
   */
  verify(hash?: string): AsyncIterable<VaultChecked | VaultReading>;
  collect(options?: { readonly dryRun?: boolean }): Promise<VaultCollection>;
  status(): VaultStatus;
}
