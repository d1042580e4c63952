/// <reference lib="esnext.disposable" preserve="true" />
import type { Stream } from '../timing/stream.ts';
import type { StreamOptions } from './follow.ts';
import type { MembersClient } from './members-client.ts';
import type { NodeClient } from './node-client.ts';
import type { PeersClient } from './peers-client.ts';
import type { ProofClient } from './proof-client.ts';
import type { Answer, RequestOptions } from './request.ts';
import type { ServerSent } from './server-sent.ts';
import type { StateClient } from './state-client.ts';
import type { StreamClient } from './stream-client.ts';
import type { VaultClient } from './vault-client.ts';

/**
 * A client of one node's API, with a method for each route under the route's name in /openapi.json. The answers it names
 * are described in the reference of the HTTP API. A client holds nothing open between calls; its streams do, and end by
 * `break`, `return()`, `await using` or their signal.
 *
 * Every method rejects with a LatticeError. It is a `LatticeProblem` with the node's own code when the node, or a proxy
 * before it, answered with an error. Else its code is `unreachable` when there was no answer or only the beginning of
 * one, `timeout`, `answer-too-large`, or `not-a-lattice-node` for an answer that no node gives. A call whose signal is
 * aborted rejects with the reason of the signal. Beside these, each method names the codes that are its own.
 */
export interface LatticeClient extends StateClient, ProofClient, StreamClient, NodeClient, PeersClient {
  /** The base URL without a slash at its end. */
  readonly url: string;

  /** The node's vault: content by its SHA-256. */
  readonly vault: VaultClient;

  /** Who belongs to the fleet, and how that changes while it runs. */
  readonly members: MembersClient;

  /**
   * Makes any request and resolves to its whole answer: status, headers and body, which has at most 48 MiB.
   *
   * @throws the code of the node's answer
   * @example
   * const answer = await client.request('/api/v1/state', { query: { key: 'greeting' } });
   * console.log(answer.status, answer.header('etag'), answer.json());
   */
  request(path: string, options?: RequestOptions): Promise<Answer>;

  /**
   * Follows any stream of server-sent events, event by event. It resumes by itself, as `events` does.
   *
   * @throws while it is read: what another try would not mend
   * @example
   * for await (const { event, data } of client.follow('/api/v1/events')) console.log(event, data);
   */
  follow(path: string, options?: StreamOptions): Stream<ServerSent>;
}
