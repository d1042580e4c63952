import type { Certificate, Cut, Evidence, Proof } from '../api/contract/entities.ts';
import type { Aside, Floor, Recovered } from '../api/contract/floor-entities.ts';
import type { CallOptions } from './request.ts';
import type { PageOptions } from './state-client.ts';

/** Against what a proof is made. */
export interface ProofOptions extends CallOptions {
  /** `cut`: the newest certified cut in place of the node's own head. */
  readonly at?: 'cut' | undefined;
  /** The hash of the roster that the verifier keeps, 64 hex digits. Default: the proof begins with the configured list. */
  readonly from?: string | undefined;
}

/** What can be proven of the state, and what is final in it. */
export interface ProofClient {
  /**
   * Gets a proof of what a key shows, or that it shows nothing. With `at: 'cut'` it is for the newest certified cut and
   * has its certificate, so that a quorum vouches for it instead of this node. It carries the chain of rosters from the
   * configured list, or from the roster with the hash `from` (64 hex digits).
   *
   * @throws `invalid-key`; with `at: 'cut'`: `not-certified`, `changed-since-cut`
   * @example
   * const proof = await client.getProof('greeting', { at: 'cut' });
   * console.log(proof.root);
   */
  getProof(key: string, options?: ProofOptions): Promise<Proof>;

  /**
   * Gets the proof of `getProof` as the text that the node wrote, for a verifier that reads every character of it.
   *
   * @throws what `getProof` rejects with
   * @example
   * const document = await client.getProofText('greeting');
   * console.log(document.length);
   */
  getProofText(key: string, options?: ProofOptions): Promise<string>;

  /**
   * Lists what the node knows that keys signed twice, as documents that anybody can check.
   *
   * @throws nothing of its own
   * @example
   * const { items } = await client.listEvidence();
   * for (const { author, about } of items) console.log(author, about);
   */
  listEvidence(options?: CallOptions): Promise<{ items: Evidence[] }>;

  /**
   * Lists the newest cuts, newest first. Times are Unix ms.
   *
   * @throws nothing of its own
   * @example
   * const { items } = await client.listCuts();
   * console.log(items[0]);
   */
  listCuts(options?: CallOptions): Promise<{ items: Cut[] }>;

  /**
   * Tells where the floor stands, which is the newest cut that all writers attested alike, who holds it there, and how far
   * what is dead has left the state. Times are Unix ms.
   *
   * @throws nothing of its own
   * @example
   * const { at, held, holders } = await client.getFloor();
   * if (held) for (const { label, text, next } of holders) console.log(label, text, next);
   */
  getFloor(options?: CallOptions): Promise<Floor>;

  /**
   * Lists one page of what was set aside: operations that were taken out of the state, because they came too late for a
   * cut that all writers had attested, or because other writers refuse them as below the floor. Times are Unix ms.
   *
   * @throws `invalid-cursor`
   * @example
   * const { items, cursor } = await client.listAside({ limit: 50 });
   * for (const { key, value, label, standing } of items) console.log(key, value, label, standing);
   */
  listAside(options?: PageOptions): Promise<{ items: Aside[]; cursor?: string }>;

  /**
   * Writes the newest of what is set aside under each of these keys anew, as commits of the node, and has the node forget
   * what was set aside there. With `all`, 256 keys a call: while there is a cursor, there is more. What a key was written
   * to later stays, unless `overwrite` is true. With `forget`, nothing is written. Needs a token for operating.
   *
   * @throws `unauthorized`, `right-missing`; `invalid-body`; `not-found` for a key under which nothing is set aside;
   * `overloaded` while another such call runs; what a write throws, with what was written before in `details.written`
   * @example
   * const { written, passedOver } = await client.recoverAside({ keys: ['orders/17'] });
   * console.log(written, passedOver);
   */
  recoverAside(
    wish: {
      readonly keys?: readonly string[] | undefined;
      readonly all?: true | undefined;
      readonly cursor?: string | undefined;
      readonly overwrite?: boolean | undefined;
      readonly forget?: boolean | undefined;
    },
    options?: CallOptions,
  ): Promise<Recovered>;

  /**
   * Gets the certificate (base64url) of the cut at `at` (Unix ms), or of the newest certified cut, with the chain of
   * rosters as in `getProof`. Resolves to undefined when there is none.
   *
   * @throws nothing of its own
   * @example
   * const certified = await client.getCertificate();
   * console.log(certified?.at, certified?.certificate);
   */
  getCertificate(
    options?: CallOptions & { readonly at?: number | undefined; readonly from?: string | undefined },
  ): Promise<Certificate | undefined>;
}
