import type { Bytes } from '../../core/types/index.ts';

/** Coded symbols of a certified cut: 21 bytes a cell from cell 0. They never change. */
export interface CutCells {
  /** Keys of the cut, tombstones included. */
  readonly entries: number;
  readonly cells: number;
  /** Bytes in all. */
  readonly length: number;
  /** Bytes [from, to). */
  read(from: number, to: number): Bytes;
}

/** Server side of the HTTP sync endpoints: envelopes are checked inside, routes only move bytes. */
export interface SyncService {
  /** Signed answer to "who are you", as canonical CBOR. `nonce`: 16 bytes of the asker, `url`: the URL it used. */
  identify(nonce: Bytes, url: string): Bytes;
  /**
   * One enveloped request → one enveloped answer. Rejects with LatticeError (code `sync-unauthorized`, `malformed`,
   * `overloaded`, …).
   */
  handle(envelope: Bytes): Promise<Bytes>;
  /**
   * The message of an authorised envelope, for what is served by GET. Each envelope counts once. Rejects as `handle`
   * does.
   */
  admit(envelope: Bytes): Promise<Bytes>;
  /** Opens a push stream for an authorised envelope. `send` returns false when the consumer is too far behind. */
  open(envelope: Bytes, send: (frame: Bytes) => boolean, closed: () => void): Promise<{ close(): void }>;
}
