/// <reference lib="esnext.disposable" preserve="true" />
// Longer than other files, because it is the one list of everything that a client does, with the errors and an example of
// each, from which the reference is made. What it does is client.ts.
import type { AuditRecord, AuditView } from '../api/contract/audit-entities.ts';
import type {
  Certificate,
  Committed,
  Conflict,
  Cut,
  Entry,
  EntryPage,
  Evidence,
  History,
  Operation,
  Proof,
  Receipt,
  WrittenEntry,
} from '../api/contract/entities.ts';
import type { LatticeEvent } from '../api/contract/event-entities.ts';
import type { Aside, Floor, Recovered } from '../api/contract/floor-entities.ts';
import type {
  Differences,
  HealthAnswer,
  NotReady,
  Peer,
  PingResult,
  Ready,
  Status,
  Verdict,
} from '../api/contract/node-entities.ts';
import type { ConfigItem, LogLine, LogPage, Reloaded, Resources, Series } from '../api/contract/process-entities.ts';
import type { AccessToken, NewAccessToken } from '../api/contract/token-entities.ts';
import type { JsonValue } from '../core/types/index.ts';
import type { Stream } from '../timing/stream.ts';
import type { FollowOptions, StreamOptions } from './follow.ts';
import type { MembersClient } from './members-client.ts';
import type { Answer, CallOptions, RequestOptions } from './request.ts';
import type { ServerSent } from './server-sent.ts';
import type { VaultClient } from './vault-client.ts';

/** The entries of one moment, and what the node says of that moment. */
export interface StateExport extends Stream<Entry> {
  readonly network: string;
  /** The root of the whole state at that moment, 64 hex digits. */
  readonly root: string;
  /** The number of keys with a value at that moment, whatever they begin with. */
  readonly live: number;
  /** The moment, Unix ms. */
  readonly at: number;
}

/** Which page of a list to read. */
export interface PageOptions extends CallOptions {
  /** The most items of the page. Default: that of the route. */
  readonly limit?: number | undefined;
  /** The cursor of the page before; without it the first page is read. */
  readonly cursor?: string | undefined;
}

/** Against what a proof is made. */
export interface ProofOptions extends CallOptions {
  /** `cut`: the newest certified cut in place of the node's own head. */
  readonly at?: 'cut' | undefined;
  /** The hash of the roster that the verifier keeps, 64 hex digits. Default: the proof begins with the configured list. */
  readonly from?: string | undefined;
}

/** Conditions of a write, and the key by which it may be tried again. */
export interface WriteOptions extends CallOptions {
  /** The write is done only while this version is current; with `*` only where the key has a value. */
  readonly ifMatch?: string | undefined;
  /** With `*` the write is done only where the key has no value. */
  readonly ifNoneMatch?: '*' | undefined;
  /**
   * 1 to 128 visible ASCII characters. The same request under the same idempotency key is done once, so that it may be
   * sent again for 24 hours.
   */
  readonly idempotencyKey?: string | undefined;
  /** So many other writers are to have signed that it is durable with them before the call resolves. */
  readonly replicas?: number | undefined;
  /** A certified cut is to hold it before the call resolves. */
  readonly certified?: boolean | undefined;
  /** A complete cut is to hold it before the call resolves: then it is final. */
  readonly complete?: boolean | undefined;
  /** How long the node waits for these, 1 to 60,000 ms. Default: 5 s, or 30 s where a cut is waited for. */
  readonly receiptMs?: number | undefined;
}

/** Conditions of a put, and when what it writes ends. */
export interface PutOptions extends WriteOptions {
  /** When the value ends, Unix ms; every node shows the key as deleted from then on. Default: it does not end. */
  readonly expires?: number | undefined;
  /** The same as a span, in whole seconds. Not with `expires`. */
  readonly ttl?: number | undefined;
}

/** The key by which a commit may be tried again. Its conditions stand in its operations. */
export type CommitOptions = Omit<WriteOptions, 'ifMatch' | 'ifNoneMatch'>;

/** The address of a peer: its base URL, or its multiaddr. */
export type PeerName = { readonly url: string } | { readonly multiaddr: string };

/** The level of log lines, the least severe first. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/**
 * A line of the log, or a gap: `dropped` lines are missing before the next one. `restarted` means that the node has
 * been restarted since the last line.
 */
export type LogEvent =
  | { readonly type: 'line'; readonly line: LogLine }
  | { readonly type: 'gap'; readonly dropped: number; readonly restarted?: true };

/** One key that shows something else than before. */
export interface RemoteChange {
  /** The cursor of this change, to go on after it: `changes({ after: change.id })`. */
  readonly id: string;
  readonly key: string;
  /** The version that the key shows, or of the tombstone when it is `deleted`. */
  readonly version: string;
  readonly deleted: boolean;
  /** The author of that version, 64 hex digits. */
  readonly author: string;
  /** The time of that version, 16 hex digits. */
  readonly hlc: string;
}

/** The changes of a node's keys, and the place up to which they have been read. */
export interface RemoteChanges extends Stream<RemoteChange> {
  /**
   * The place up to which everything has been handed out, changes of other prefixes included. Undefined before the
   * first. A later stream goes on `after` it without a gap.
   */
  readonly cursor: string | undefined;
  [Symbol.asyncIterator](): RemoteChanges;
}

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
export interface LatticeClient {
  /** The base URL without a slash at its end. */
  readonly url: string;

  /** The node's vault: content by its SHA-256. */
  readonly vault: VaultClient;

  /** Who belongs to the fleet, and how that changes while it runs. */
  readonly members: MembersClient;

  /**
   * Reads what a key shows. Resolves to undefined when there is no value under the key.
   *
   * @throws `invalid-key`
   * @example
   * const entry = await client.getEntry('greeting');
   * console.log(entry?.value, entry?.version);
   */
  getEntry(key: string, options?: CallOptions): Promise<Entry | undefined>;

  /**
   * Writes a value (at most 16 KiB) under a key (1 to 1,024 bytes), which is durable on the node when the promise
   * resolves. A write whose answer did not come may still be done: give it an `idempotencyKey`, and repeat it under that.
   * With `replicas`, `certified` or `complete` the `receipt` says what has come of these in time; the write stands in any
   * case.
   *
   * @throws `too-many-replicas` where the roster has fewer other writers, and nothing is written; `unauthorized`;
   * `precondition-failed` when `ifMatch` or `ifNoneMatch` does not hold; `read-only`, `disk-full`, `overloaded`,
   * `value-too-large`, `invalid-value`, `idempotency-mismatch`; `invalid-expiry`, and `version-not-read` while not every
   * member is known to read values that end; `deadline` and `store-write-failed`, after which the write may still be done
   * @example
   * const { version } = await client.putEntry('greeting', { text: 'hello' }, { ifNoneMatch: '*' });
   * await client.putEntry('greeting', { text: 'good morning' }, { ifMatch: version });
   * await client.putEntry('session', { user: 7 }, { ttl: 3600 });
   */
  putEntry(key: string, value: JsonValue, options?: PutOptions): Promise<WrittenEntry>;

  /**
   * Writes a value that is JSON text already. It is sent as it is, so that the node's strict parser sees every digit and
   * member.
   *
   * @throws `invalid-json`, and what `putEntry` rejects with
   * @example
   * await client.putEntryJson('amount', '{"cents": 9007199254740991}');
   */
  putEntryJson(key: string, text: string, options?: PutOptions): Promise<WrittenEntry>;

  /**
   * Deletes a key, which then shows nothing. Resolves to the receipt where one was asked for.
   *
   * @throws `not-found` when the key has no value, and what `putEntry` rejects with
   * @example
   * const entry = await client.getEntry('greeting');
   * if (entry !== undefined) await client.deleteEntry('greeting', { ifMatch: entry.version });
   */
  deleteEntry(key: string, options?: WriteOptions): Promise<Receipt | undefined>;

  /**
   * Writes 1 to 256 operations, at most 64 KiB, as one atomic commit. Each may have conditions of its own.
   *
   * @throws `duplicate-key`, `commit-too-large`, and what `putEntry` rejects with
   * @example
   * const { commit } = await client.commit(
   *   [
   *     { op: 'put', key: 'orders/1', value: { item: 'lamp' } },
   *     { op: 'put', key: 'orders/next', value: 2 },
   *   ],
   *   { idempotencyKey: 'order-1' },
   * );
   * console.log(commit);
   */
  commit(operations: readonly Operation[], options?: CommitOptions): Promise<Committed>;

  /**
   * Reads one page of the entries whose keys begin with `prefix`, in the order of keys: 1 to 1,000, by default 100. While
   * there is a cursor there may be more, also after a page without entries: whole pages of keys may have been deleted.
   *
   * @throws `invalid-limit`, `invalid-cursor`
   * @example
   * const { entries, cursor } = await client.listEntries({ prefix: 'orders/', limit: 50 });
   * console.log(entries.length, cursor);
   */
  listEntries(options?: PageOptions & { readonly prefix?: string | undefined }): Promise<EntryPage>;

  /**
   * Reads all entries whose keys begin with `prefix`, in the order of keys and page by page, so that they are not those
   * of one moment.
   *
   * @throws nothing of its own
   * @example
   * for await (const { key, value } of client.entries({ prefix: 'orders/' })) console.log(key, value);
   */
  entries(options?: CallOptions & { readonly prefix?: string | undefined }): Stream<Entry>;

  /**
   * Reads all entries whose keys begin with `prefix` as of one moment, in no order, and resolves to their stream once
   * they come. The stream rejects when the answer ends before the last entry. Between two parts of the answer the client
   * waits as long as for a whole answer elsewhere.
   *
   * @throws `moved-on` when too much is written meanwhile, `overloaded` when too many read the whole state already
   * @example
   * const entries = await client.exportState({ prefix: 'orders/' });
   * for await (const { key, value } of entries) console.log(entries.root, key, value);
   */
  exportState(options?: CallOptions & { readonly prefix?: string | undefined }): Promise<StateExport>;

  /**
   * Reads what readers were shown under a key: its present values, the winner first, then what these replaced. Times are
   * Unix ms.
   *
   * @throws `invalid-key`, `invalid-limit`, `invalid-cursor`
   * @example
   * const { items } = await client.getHistory('greeting', { limit: 10 });
   * console.log(items);
   */
  getHistory(key: string, options?: PageOptions): Promise<History>;

  /**
   * Reads one page of the keys that have several values, each with all of them; the first is the one that readers see.
   * A write settles a conflict: with `ifMatch` of that version, or, where that is deleted, with `ifNoneMatch: '*'`, it
   * replaces nothing that was written meanwhile.
   *
   * @throws `invalid-limit`, `invalid-cursor`
   * @example
   * const { conflicts } = await client.listConflicts();
   * for (const { key, siblings } of conflicts) console.log(key, siblings.length);
   */
  listConflicts(options?: PageOptions): Promise<{ conflicts: Conflict[]; cursor?: string }>;

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

  /**
   * Follows the changes of keys in the order in which they became durable on the node, from the present on or `after` a
   * cursor. A connection that is lost is opened again after the last change that came. A reader that is slow leaves
   * changes waiting in the connection; the node closes it when 1 MiB waits, and the stream goes on from the node's
   * journal. It ends when its signal is aborted, or when it is left by `break` or `return()`.
   *
   * @throws while it is read: `cursor-lost` when the node cannot go on from the cursor, with the cursor of the present in
   * `details.cursor`; what another try would not mend, such as `rate-limited` before the first connection
   * @example
   * const changes = client.changes({ prefix: 'orders/' });
   * for await (const { key, deleted } of changes) {
   *   console.log(key, deleted ? undefined : (await client.getEntry(key))?.value);
   *   if (key === 'orders/last') break;
   * }
   * console.log('to go on later:', changes.cursor);
   */
  changes(options?: FollowOptions & { readonly prefix?: string | undefined }): RemoteChanges;

  /**
   * Follows all events: changes, the end of each batch with its root, and what happens to lungs, repairs and cuts. A
   * connection that is lost is opened again after the last event that came, as often as needed. When that leaves a gap, a
   * `reset` event says so, and the caller reads again what it has derived from events.
   *
   * @throws while it is read: what another try would not mend
   * @example
   * await using events = client.events({ signal: AbortSignal.timeout(60_000) });
   * for await (const event of events) console.log(event.type);
   */
  events(options?: FollowOptions): Stream<LatticeEvent>;

  /**
   * Follows the log of the node: its last lines, then each new one. The stream resumes and ends as that of `events`.
   *
   * @throws while it is read: `unauthorized`, or what another try would not mend
   * @example
   * for await (const event of client.logs({ level: 'warn' })) {
   *   if (event.type === 'line') console.log(event.line.msg);
   *   else console.log(event.dropped, 'lines are missing');
   * }
   */
  logs(options?: FollowOptions & { readonly level?: LogLevel | undefined }): Stream<LogEvent>;

  /**
   * Reads one page of the log's lines. `next` of the page is the `after` of the following one.
   *
   * @throws `unauthorized`, `invalid-query`
   * @example
   * const { items, next } = await client.getLogs({ level: 'warn', limit: 100 });
   * console.log(items.length, next);
   */
  getLogs(
    options?: CallOptions & {
      readonly level?: LogLevel | undefined;
      readonly after?: string | undefined;
      readonly limit?: number | undefined;
    },
  ): Promise<LogPage>;

  /**
   * Tells the least level of the lines that the node writes.
   *
   * @throws `unauthorized`
   * @example
   * console.log(await client.getLogLevel());
   */
  getLogLevel(options?: CallOptions): Promise<LogLevel>;

  /**
   * Sets the least level of the lines that the node writes, until the node ends or a reload brings another one.
   * Resolves to whether it was another one.
   *
   * @throws `unauthorized`
   * @example
   * const changed = await client.setLogLevel('debug');
   * console.log(changed);
   */
  setLogLevel(level: LogLevel, options?: CallOptions): Promise<boolean>;

  /**
   * Tells whether the node answers at all. Resolves to true, or rejects.
   *
   * @throws nothing of its own
   * @example
   * const alive = await client.isAlive({ timeoutMs: 2_000 }).catch(() => false);
   * console.log(alive);
   */
  isAlive(options?: CallOptions): Promise<boolean>;

  /**
   * Tells whether the node takes requests, or the reasons why it does not.
   *
   * @throws nothing of its own
   * @example
   * const answer = await client.isReady();
   * if (answer.status !== 'ready') console.log(answer.reasons);
   */
  isReady(options?: CallOptions): Promise<Ready | NotReady>;

  /**
   * Tells how the node is: its verdict and warnings, why it is read-only where it is, its lungs, repairs and cuts. Times
   * are Unix ms.
   *
   * @throws nothing of its own
   * @example
   * const { verdict, warnings } = await client.getStatus();
   * console.log(verdict.kind, verdict.sentence, warnings.length);
   */
  getStatus(options?: CallOptions): Promise<Status>;

  /**
   * Tells in a few fields what monitoring asks for: which lungs reach other nodes, whether the node takes writes, its
   * root.
   *
   * @throws nothing of its own
   * @example
   * const { status, health } = await client.getHealth();
   * console.log(status, health);
   */
  getHealth(options?: CallOptions): Promise<HealthAnswer>;

  /**
   * Tells what the process of the node uses: disk, memory, file descriptors and processor time. Sizes are bytes, times ms.
   *
   * @throws nothing of its own
   * @example
   * const { disk, eventLoop } = await client.getResources();
   * console.log(disk.freeBytes, eventLoop.p99Ms);
   */
  getResources(options?: CallOptions): Promise<Resources>;

  /**
   * Gets the figures of the last hour in steps. With `since` (Unix ms), only the points later than that.
   *
   * @throws nothing of its own
   * @example
   * const { stepMs, items } = await client.getSeries({ since: Date.now() - 60_000 });
   * console.log(stepMs, items.length);
   */
  getSeries(options?: CallOptions & { readonly since?: number | undefined }): Promise<Series>;

  /**
   * Gets the metrics in the text format of Prometheus.
   *
   * @throws `not-supported` when the node's metrics are switched off
   * @example
   * const text = await client.getMetrics();
   * console.log(text.split('\n').length);
   */
  getMetrics(options?: CallOptions): Promise<string>;

  /**
   * Gets the OpenAPI 3.1 document of the node's routes.
   *
   * @throws nothing of its own
   * @example
   * const document = await client.getOpenApi();
   * console.log(document['openapi']);
   */
  getOpenApi(options?: CallOptions): Promise<Record<string, unknown>>;

  /**
   * Gets every setting of the node and where it comes from. Secrets are not shown.
   *
   * @throws `unauthorized`
   * @example
   * for (const { name, value, source } of await client.getConfig()) console.log(name, value, source);
   */
  getConfig(options?: CallOptions): Promise<ConfigItem[]>;

  /**
   * Lists the tokens that the node made and that are valid, oldest first, without their secrets. Needs a token for
   * operating.
   *
   * @throws `unauthorized`, `right-missing`
   * @example
   * for (const { id, name, right } of await client.listTokens()) console.log(id, name, right);
   */
  listTokens(options?: CallOptions): Promise<AccessToken[]>;

  /**
   * Makes a token of the node: for reading, for writing keys that begin with `prefix`, or for operating. The answer alone
   * has its text. `ttlMs` is how long it is valid, 1,000 to 316,224,000,000 ms; without it, until it is withdrawn.
   *
   * @throws `unauthorized`, `right-missing`, `invalid-token`, `too-many-tokens` (256)
   * @example
   * const { token } = await client.createToken({ name: 'sensors', right: 'write', prefix: 'sensors/', ttlMs: 86_400_000 });
   * console.log(token.length);
   */
  createToken(
    wish: {
      readonly name: string;
      readonly right: 'read' | 'write' | 'operate';
      readonly prefix?: string;
      readonly ttlMs?: number;
    },
    options?: CallOptions,
  ): Promise<NewAccessToken>;

  /**
   * Withdraws a token by its id. It counts no more, and streams that it opened end.
   *
   * @throws `unauthorized`, `right-missing`, `not-found`
   * @example
   * for (const { id, name } of await client.listTokens()) if (name === 'sensors') await client.removeToken(id);
   */
  removeToken(id: string, options?: CallOptions): Promise<void>;

  /**
   * Has the node read its configuration again and take over trust list, peers, token and log level, and go on under the
   * key that takes the place of its own by the roster. The answer names the variables that changed, those that need a
   * restart, and the authors who left the trust list.
   *
   * @throws `unauthorized`; `invalid-config` when the file cannot be used; `reload-impossible` when there is none to read
   * again; `other-author` when the key is that of another node. Nothing has changed then
   * @example
   * const { changed, needsRestart } = await client.reloadConfig();
   * console.log(changed, needsRestart);
   */
  reloadConfig(options?: CallOptions): Promise<Reloaded>;

  /**
   * Adds executions and attacks to those that the node keeps, each id of a kind once. They are sent in as many requests
   * as their size needs; after an error, the same call again adds the rest.
   *
   * @throws `unauthorized`, `invalid-record`, `record-differs`, `audit-full`, `disk-full`
   * @example
   * const row = { tx_id: 'tx-1', intent_name: 'transfer', status: 'PROVED', timestamp: Date.now() / 1000 };
   * console.log(await client.addAuditRecords([{ kind: 'execution', id: 'tx-1', row }]));
   */
  addAuditRecords(
    records: readonly AuditRecord[],
    options?: CallOptions,
  ): Promise<{ readonly added: number; readonly known: number }>;

  /**
   * Reads one page of the executions or attacks that the node keeps, newest first.
   *
   * @throws `invalid-query`, `invalid-cursor`
   * @example
   * const { records } = await client.listAuditRecords({ kind: 'attack', limit: 10 });
   * for (const { row } of records) console.log(row.timestamp, row.id);
   */
  listAuditRecords(
    options: PageOptions & { readonly kind: AuditRecord['kind'] },
  ): Promise<{ records: AuditView[]; cursor?: string }>;

  /**
   * Lists what the node knows of every peer. Times are Unix ms.
   *
   * @throws nothing of its own
   * @example
   * for (const { peerId, lung, agreement } of await client.listPeers()) console.log(peerId, lung, agreement);
   */
  listPeers(options?: CallOptions): Promise<Peer[]>;

  /**
   * Adds a peer, which the node keeps across restarts. Resolves to false when the peer was known already.
   *
   * @throws `unauthorized`, `invalid-peer`, `too-many-peers`
   * @example
   * const added = await client.addPeer({ url: 'http://192.0.2.7:8000' });
   * console.log(added);
   */
  addPeer(peer: PeerName, options?: CallOptions): Promise<boolean>;

  /**
   * Removes a peer that an operator added.
   *
   * @throws `unauthorized`, `not-found`, `peer-configured`
   * @example
   * await client.removePeer({ url: 'http://192.0.2.7:8000' });
   */
  removePeer(peer: PeerName, options?: CallOptions): Promise<void>;

  /**
   * Has the node try a known peer over each lung, each within 4 s. `peer` is its peer id, its author key or its URL.
   * Round-trip times are in ms.
   *
   * @throws `unauthorized`, `not-found`
   * @example
   * const { results } = await client.pingPeer('http://192.0.2.7:8000');
   * for (const { lung, ok, rttMs } of results) console.log(lung, ok, rttMs);
   */
  pingPeer(peer: string, options?: CallOptions): Promise<PingResult>;

  /**
   * Finds which keys differ between the node and one of its peers, and lists at most `limit` of them (1 to 1,000; 100 by
   * default).
   *
   * @throws `unauthorized`, `not-found`, `peer-unreachable`, `overloaded`, or the code with which the peer refused
   * @example
   * const [peer] = await client.listPeers();
   * if (peer?.peerId !== undefined) console.log(await client.getDifferences(peer.peerId, { limit: 10 }));
   */
  getDifferences(peerId: string, options?: CallOptions & { readonly limit?: number | undefined }): Promise<Differences>;

  /**
   * Begins a check of the whole store. It is done when `scrub.completed` of the status is at least `round`.
   *
   * @throws `unauthorized`
   * @example
   * const { round } = await client.verifyStore();
   * console.log(round, (await client.getStatus()).scrub?.completed);
   */
  verifyStore(options?: CallOptions): Promise<{ round: number }>;

  /**
   * Has the node compare its state with that of every peer it reaches and repair what differs, and resolves when all of
   * these repairs have ended.
   *
   * @throws `unauthorized`; `deadline` after 30 s, while the repairs go on
   * @example
   * const { converged } = await client.syncNow();
   * console.log(converged.equal, 'of', converged.peers);
   */
  syncNow(options?: CallOptions): Promise<{
    converged: { peers: number; equal: number };
    verdict: Verdict;
    peers: Peer[];
  }>;

  /**
   * Sets which lungs may carry peers: `auto`, `p2p` or `http`. `reason` (1 to 200 characters) is shown in the status.
   *
   * @throws `unauthorized`, `invalid-body`
   * @example
   * const { message } = await client.setMode('http', { reason: 'P2P is blocked here' });
   * console.log(message);
   */
  setMode(
    mode: Status['mode'],
    options?: CallOptions & { readonly reason?: string | undefined },
  ): Promise<{ changed: boolean; mode: Status['mode']; message: string }>;

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
