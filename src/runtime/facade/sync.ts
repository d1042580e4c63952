import type { Bytes } from '../../core/types/index.ts';

/** The coded symbols of a certified cut, 21 bytes a cell, beginning with cell 0. They never change. */
export interface CutCells {
  /** The number of keys of the cut, tombstones included. */
  readonly entries: number;
  readonly cells: number;
  /** The number of bytes of all cells. */
  readonly length: number;
  /** The bytes from `from` up to, but not including, `to`. */
  read(from: number, to: number): Bytes;
}

/** The server side of the HTTP sync endpoints. It checks the envelopes; the routes only move bytes. */
export interface SyncService {
  /**
   * The signed answer to the question who this node is, as canonical CBOR. `nonce` is 16 bytes that the asker chose,
   * `url` is the URL that the asker used.
   */
  identify(nonce: Bytes, url: string): Bytes;
  /**
   * Looks at the first MAX_REQUEST_HEAD_BYTES of an envelope, before the rest is read and its signature checked.
   * `proven` tells that the member whom it names has sent a genuine request under the same nonce before; strangers do
   * not know that nonce. Throws as `handle` rejects when the request would be refused whatever follows.
   */
  screen(head: Bytes): { readonly proven: boolean };
  /**
   * Takes one request in its envelope and returns the answer in one. Rejects with LatticeError `sync-unauthorized`,
   * `malformed`, `overloaded` and others.
   */
  handle(envelope: Bytes): Promise<Bytes>;
  /**
   * Checks the envelope of a request that is served by GET and returns the message in it. Each envelope counts once.
   * Rejects as `handle` does.
   */
  admit(envelope: Bytes): Promise<Bytes>;
  /**
   * Opens a push stream for the sender of an envelope, which it checks. `send` returns false when the consumer is too
   * far behind; `closed` is called when the stream ends.
   */
  open(envelope: Bytes, send: (frame: Bytes) => boolean, closed: () => void): Promise<{ close(): void }>;
}
