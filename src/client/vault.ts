import type {
  VaultCollection,
  VaultHolder,
  VaultObject,
  VaultPage,
  VaultState,
} from '../api/contract/vault-entities.ts';
import { bytesToHex } from '../core/types/bytes.ts';
import { LatticeError } from '../core/types/errors.ts';
import { streamOf } from '../timing/stream.ts';
import { LatticeProblem, notOurs } from './errors.ts';
import { contentHasher } from './hasher.ts';
import { sendsBlobs } from './platform-fetch.ts';
import { type Answer, type CallOptions, objectOf, type RequestOptions, type Requests } from './request.ts';
import { blobOfContent, lengthOf, readContent, streamOfContent } from './upload.ts';
import { checkedLines } from './vault-checks.ts';
import type { VaultClient } from './vault-client.ts';
import { openContent } from './vault-content.ts';

const BASE = '/api/v1/vault';
/** A node waits up to 20 s for a fetch, and then for what else a request takes. */
const FETCH_TIMEOUT_MS = 60_000;

const at = ({ signal, timeoutMs }: CallOptions): CallOptions => ({ signal, timeoutMs });
const pathOf = (hash: string, what = ''): string => `${BASE}/${encodeURIComponent(hash)}${what}`;

/** LatticeError `hash-mismatch`, for content that was changed between here and the node. */
const changed = (mine: string, theirs: string): LatticeError =>
  new LatticeError('hash-mismatch', `the content has the hash ${mine}, and the node took it in as ${theirs}`, {
    next: 'Something between here and the node changes what is sent: remove that object, and send it again over TLS.',
  });

/** The vault of the node that `requests` go to. */
export function createVaultClient(requests: Requests): VaultClient {
  const { request, json } = requests;
  const post = async <T>(
    path: string,
    has: string,
    call: CallOptions,
    query: RequestOptions['query'] = {},
  ): Promise<T> => json(path, { has, method: 'POST', query, ...at(call) });

  const put: VaultClient['put'] = async (content, options = {}) => {
    const { name, type, pin, expect, onProgress, signal, timeoutMs } = options;
    const of = lengthOf(content);
    const run = (await contentHasher()).running();
    let sent = 0;
    const asked = {
      method: 'PUT',
      query: { name, pin: pin === undefined ? undefined : String(pin) },
      headers: {
        'content-type': type ?? (content instanceof Blob && content.type !== '' ? content.type : undefined),
      },
      signal,
      timeoutMs,
    };
    const path = expect === undefined ? BASE : pathOf(expect);
    let answer: Answer;
    if (sendsBlobs()) {
      const body = await blobOfContent(content);
      const onSent = (bytes: number): void => onProgress?.({ sent: bytes, of: body.size });
      const [answered] = await Promise.all([
        request(path, { ...asked, body, onSent }),
        readContent(body, (piece) => run.update(piece)),
      ]);
      answer = answered;
      onProgress?.({ sent: body.size, of: body.size });
    } else {
      let touch = (): void => undefined;
      const { stream: body, end } = streamOfContent(content, (piece) => {
        run.update(piece);
        sent += piece.length;
        touch();
        onProgress?.({ sent, of });
      });
      const onTouch = (given: () => void): void => void (touch = given);
      const length = of === undefined ? {} : { length: of };
      answer = await request(path, { ...asked, body, onTouch, ...length }).finally(end);
    }
    const object = objectOf(answer.json(), requests.url + path, 'hash') as VaultObject;
    const mine = bytesToHex(run.digest());
    if (object.hash !== mine) throw changed(mine, object.hash);
    return { object, created: answer.status === 201 };
  };

  const list: VaultClient['list'] = ({ limit, cursor, ...call } = {}) =>
    json<VaultPage>(BASE, { has: 'objects', query: { limit, cursor }, ...at(call) });

  async function* objects(call: CallOptions): AsyncGenerator<VaultObject, void> {
    let cursor: string | undefined;
    do {
      const page = await list({ limit: 1000, cursor, ...call });
      yield* page.objects;
      cursor = page.cursor;
    } while (cursor !== undefined);
  }

  const stat: VaultClient['stat'] = async (hash, call = {}) => {
    try {
      return await json<VaultObject>(pathOf(hash, '/about'), { has: 'hash', ...at(call) });
    } catch (error) {
      if (error instanceof LatticeProblem && error.code === 'object-not-found') return undefined;
      throw error;
    }
  };
  const leaves: VaultClient['leaves'] = async (hash, call = {}) =>
    (await request(pathOf(hash, '/leaves'), { headers: { accept: '*/*' }, ...at(call) })).bytes;

  return {
    put,
    stat,
    list,
    leaves,
    get: (hash, options = {}) => openContent({ requests, stat, leaves }, hash, options),
    objects: ({ signal, timeoutMs } = {}) => streamOf((ending) => objects({ signal: ending, timeoutMs }), signal),
    status: (call = {}) => json<VaultState>(`${BASE}/status`, { has: 'objects', ...at(call) }),
    holders: async (hash, call = {}) =>
      (await json<{ holders: VaultHolder[] }>(pathOf(hash, '/holders'), at(call))).holders,
    pin: (hash, call = {}) => post(pathOf(hash, '/pin'), 'hash', call),
    unpin: (hash, call = {}) => post(pathOf(hash, '/unpin'), 'hash', call),
    fetch: (hash, call = {}) => post(pathOf(hash, '/fetch'), 'here', { timeoutMs: FETCH_TIMEOUT_MS, ...call }),
    async remove(hash, call = {}) {
      const { status } = await request(pathOf(hash), { method: 'DELETE', ...at(call) });
      if (status !== 204)
        throw notOurs(`${requests.url}${pathOf(hash)} answered status ${status} where a node answers 204`);
    },
    verify: ({ hash, signal, timeoutMs, onReading } = {}) =>
      streamOf((ending) => checkedLines(requests, hash, { signal: ending, timeoutMs }, onReading), signal),
    original: (call = {}) => json(`${BASE}/original`, { has: 'rows', ...at(call) }),
    bundle: (of, call = {}) => json(`${BASE}/bundles`, { has: 'bundle', method: 'POST', json: of, ...at(call) }),
    gc: ({ dryRun = false, ...call } = {}) =>
      post<VaultCollection>(`${BASE}/gc`, 'removed', call, { dryRun: String(dryRun) }),
  };
}
