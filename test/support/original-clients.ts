import { DEADLINE_MS } from './wait.ts';

/*
 * What the original's own scripts ask of nodes, in their order and without any token, and what they take for success.
 * In our own words: the scripts themselves are run where a checkout of the original is named (original-scripts.test.ts).
 */

export interface Answer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

export async function askOriginal(url: string, path: string, method = 'GET'): Promise<Answer> {
  const answer = await fetch(`${url}${path}`, { method, signal: AbortSignal.timeout(DEADLINE_MS) });
  return { status: answer.status, body: (await answer.json()) as Answer['body'] };
}

const ask = askOriginal;
const switchTo = (url: string, mode: string): Promise<Answer> =>
  ask(url, `/api/lattice/sync/switch?mode=${mode}`, 'POST');

/**
 * The connectivity script, and whether it would exit 0: all healthy, at least all but one with peers, every switch
 * answered 200, and one root.
 */
export async function connectivity(urls: readonly string[]): Promise<{ readonly exit: 0 | 1; readonly told: object }> {
  const told = { healthy: 0, connected: 0, switchable: 0, roots: new Set<unknown>() };
  for (const url of urls) if ((await ask(url, '/')).status === 200) told.healthy++;
  for (const url of urls) {
    const { status, body } = await ask(url, '/api/lattice/p2p/status');
    if (status === 200 && (body['peer_count'] as number) > 0) told.connected++;
  }
  for (const url of urls) {
    const { status } = await switchTo(url, 'http');
    if (status !== 200) continue;
    told.switchable++;
    await switchTo(url, 'auto');
  }
  for (const url of urls) told.roots.add((await ask(url, '/api/lattice/state')).body['merkle_root']);
  const count = urls.length;
  const isWell = told.healthy === count && told.connected >= count - 1 && told.switchable === count;
  return { exit: isWell && told.roots.size === 1 ? 0 : 1, told };
}

/** The check of the triangle: three nodes that answer, and one root of text, which it shows the beginning of. */
export async function triangle(urls: readonly string[]): Promise<0 | 1> {
  const roots: string[] = [];
  for (const url of urls) {
    if ((await ask(url, '/health')).status !== 200) continue;
    const { status, body } = await ask(url, '/api/lattice/state');
    if (status === 200) roots.push((body['merkle_root'] as string).slice());
  }
  return roots.length === 3 && new Set(roots).size === 1 ? 0 : 1;
}

/** The test of hybrid sync: the statuses of its eight steps, and the fields that it prints. */
export async function hybridSync(
  url: string,
): Promise<{ readonly statuses: readonly number[]; readonly told: object }> {
  const root = await ask(url, '/');
  const p2p = await ask(url, '/api/lattice/p2p/status');
  const http = await switchTo(url, 'http');
  const after = await ask(url, '/api/lattice/p2p/status');
  const auto = await switchTo(url, 'auto');
  const health = await ask(url, '/health');
  const integrity = await ask(url, '/api/persistence/integrity');
  const nodes = await ask(url, '/api/lattice/nodes');
  const { enabled, started, peer_count, has_peers, sync_mode, heartbeat_active } = p2p.body;
  return {
    statuses: [root, p2p, http, after, auto, health, integrity, nodes].map(({ status }) => status),
    told: {
      enabled,
      started,
      peer_count,
      has_peers,
      sync_mode,
      heartbeat_active,
      messages: [http.body['message'], auto.body['message']],
      integrity: integrity.body['status'],
      root: (integrity.body['merkle_root'] as string).slice(0, 16),
      count: nodes.body['count'],
    },
  };
}

/** The quick test of HTTP sync. Its last step asks for a proof, which no node here makes: it prints what there is. */
export async function quickSync(url: string): Promise<object> {
  const { body: status } = await ask(url, '/api/lattice/p2p/status');
  const { body: state } = await ask(url, '/api/lattice/state');
  const { body: verified } = await ask(url, '/api/verify', 'POST');
  return { mode: status['sync_mode'], root: state['merkle_root'], size: state['state_size'], verified };
}

/** What the launchers do before they start the second node: the address that they give it, of the first one's port. */
export async function launch(url: string, p2pPort: number): Promise<string | undefined> {
  if ((await ask(url, '/health')).status !== 200) return undefined;
  const { peer_id: id } = (await ask(url, '/api/lattice/p2p/identity')).body;
  return typeof id === 'string' && !/^\s*$|null/.test(id) ? `/ip4/127.0.0.1/tcp/${p2pPort}/p2p/${id}` : undefined;
}
