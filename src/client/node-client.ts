import type { AuditRecord, AuditView } from '../api/contract/audit-entities.ts';
import type { HealthAnswer, NotReady, Ready, Status } from '../api/contract/node-entities.ts';
import type { ConfigItem, Reloaded, Resources, Series } from '../api/contract/process-entities.ts';
import type { AccessToken, NewAccessToken } from '../api/contract/token-entities.ts';
import type { CallOptions } from './request.ts';
import type { PageOptions } from './state-client.ts';

/** How the node is, how it is set, and what it keeps beside the state. */
export interface NodeClient {
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
}
