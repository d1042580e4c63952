import type { RowWrite } from '../../core/replica/index.ts';
import {
  decodeRememberedPeers,
  encodeRememberedPeers,
  REMEMBERED_PEERS,
  type RememberedPeer,
} from '../../core/rows/index.ts';
import { type Author, LatticeError } from '../../core/types/index.ts';
import type { Clock, Log, Store } from '../../ports/index.ts';
import { every, type Repetition } from '../../timing/index.ts';
import type { Peer, PeerTable } from '../peers/peers.ts';
import { isHeard, lastHeard } from '../peers/view.ts';
import type { Members } from './members.ts';
import type { Names } from './names.ts';

/** How often it is looked at whether there is something to keep, and how often times alone are a reason to. */
const LOOK_EVERY_MS = 1_000;
const TIMES_EVERY_MS = 60_000;
/** By how much a wall clock that is slewed may move within a look, and more. */
const CLOCK_SLACK_MS = 100;
/** As many as a node knows peers at a time; those that were heard last are kept. */
export const MAX_REMEMBERED = 512;

/** Reads whom earlier runs heard. What is damaged is passed over: it only dates and names the silent ones. */
export async function loadRememberedPeers(store: Store, log: Pick<Log, 'warn'>): Promise<readonly RememberedPeer[]> {
  const row = await store.get(REMEMBERED_PEERS);
  if (row === undefined) return [];
  try {
    return decodeRememberedPeers(row);
  } catch (err) {
    if (!(err instanceof LatticeError)) throw err;
    log.warn({ err }, 'the row of remembered peers is damaged: peers that stay silent have neither name nor time');
    return [];
  }
}

/** Which members were heard by this run of the node or an earlier one, and when (SPEC J5). */
export interface RememberedPeers {
  of(author: Author): RememberedPeer | undefined;
  /** Who last proved at this URL who it is. */
  at(url: string): RememberedPeer | undefined;
  start(): void;
  stop(): Promise<void>;
}

export interface RememberedPeersDeps {
  readonly saved: readonly RememberedPeer[];
  readonly peers: Pick<PeerTable, 'all'>;
  readonly members: Pick<Members, 'has'>;
  readonly names: Pick<Names, 'of'>;
  /** The configured and added URLs. */
  readonly urls: () => readonly string[];
  readonly graceMs: number;
  readonly heartbeatMs: number;
  readonly clock: Clock;
  readonly log: Pick<Log, 'error'>;
  readonly keep: (make: () => readonly RowWrite[]) => Promise<void>;
}

export function createRememberedPeers(deps: RememberedPeersDeps): RememberedPeers {
  const { clock } = deps;
  const all = new Map<Author, RememberedPeer>(deps.saved.map((peer) => [peer.author, peer]));
  let savedAt = clock.monotonic();
  let looks: Repetition | undefined;

  /** What is known of a peer at present; undefined when this run has not heard it. */
  function present({ author, link, view }: Peer): RememberedPeer | undefined {
    const heard = lastHeard(view);
    if (heard === -Infinity || !deps.members.has(author)) return undefined;
    const lastHeardAt = Math.max(0, Math.round(clock.now() - (clock.monotonic() - heard)));
    return { author, name: deps.names.of(author) ?? '', url: link.url ?? all.get(author)?.url ?? '', lastHeardAt };
  }

  /** Takes in what is new, and tells whether it is worth a batch. `ending`: this is the last look. */
  function update(ending: boolean): boolean {
    const isTime = clock.monotonic() - savedAt >= TIMES_EVERY_MS || ending;
    let isDue = false;
    for (const peer of deps.peers.all()) {
      const now = present(peer);
      if (now === undefined) continue;
      const before = all.get(peer.author);
      const isSilent = !isHeard(peer.view, clock.monotonic(), deps);
      const isNew = before?.name !== now.name || before.url !== now.url;
      // A wall clock that is being set right must not make a silent peer's time new again and again.
      const isLater = now.lastHeardAt > (before?.lastHeardAt ?? 0) + CLOCK_SLACK_MS;
      if (!isNew && !(isLater && (isSilent || isTime))) continue;
      all.set(peer.author, now);
      isDue = true;
    }
    return isDue;
  }

  function kept(): RememberedPeer[] {
    const urls = new Set(deps.urls());
    return [...all.values()]
      .filter(({ author, url }) => deps.members.has(author) || urls.has(url))
      .sort((a, b) => b.lastHeardAt - a.lastHeardAt)
      .slice(0, MAX_REMEMBERED);
  }

  async function look(ending = false): Promise<void> {
    if (!update(ending)) return;
    savedAt = clock.monotonic();
    await deps.keep(() => [{ type: 'put', key: REMEMBERED_PEERS, value: encodeRememberedPeers(kept()) }]);
  }

  return {
    of: (author) => all.get(author),
    at: (url) => [...all.values()].find((peer) => peer.url === url),
    start() {
      looks ??= every(clock, LOOK_EVERY_MS, () => look(), {
        // A store that fails ends the process by itself.
        onError: (err) => deps.log.error({ err }, 'the peers could not be remembered'),
      });
    },
    async stop() {
      looks?.stop();
      await look(true).catch(() => undefined);
    },
  };
}
