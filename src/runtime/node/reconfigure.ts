import type { Author } from '../../core/types/index.ts';
import type { Log } from '../../ports/index.ts';
import type { NodeOptions, Reconfiguration } from '../facade/options.ts';
import type { OpenedNode } from './open.ts';
import type { Parts } from './parts.ts';

const OTHER_LIST =
  'the configured trust list names others than the writers of the roster, which was decided and counts';

export interface ReconfigureDeps {
  /** What the parts read. This module alone writes it. */
  readonly options: { -readonly [K in keyof NodeOptions]: NodeOptions[K] };
  readonly opened: OpenedNode;
  readonly parts: Parts;
  readonly log: Log;
}

/**
 * Makes the function by which a running node takes another trust list, other configured peers and
 * other addresses of its own (SPEC N18). It
 * resolves when everything acts by them, with the authors who are trusted no more. Calls run one after the other.
 */
export function createReconfigure(deps: ReconfigureDeps): (next: Reconfiguration) => Promise<readonly Author[]> {
  const { options, opened, parts, log } = deps;
  let turn: Promise<unknown> = Promise.resolve();

  async function apply(next: Reconfiguration): Promise<readonly Author[]> {
    // What an author has seen of a known author counts from the first commit on, so who is known is durable first.
    opened.known.add(next.trusted);
    await opened.known.save(parts.writer.keep);
    const { p2p, vault, ...rest } = next;
    if (vault !== undefined) parts.vault?.reconfigure(vault);
    Object.assign(options, rest, { p2p: { ...options.p2p, ...p2p } });
    const { removed, differs } = opened.roster.replace(next.trusted);
    if (differs) log.warn({ epoch: opened.roster.present.state.roster.epoch }, OTHER_LIST);
    // Before anybody who is named for the first time is heard: what they know of this node's own commits comes first.
    parts.guard.tick();
    for (const reason of parts.configured()) parts.guard.set(reason.code, reason.text);
    await parts.added.reconfigure({ urls: next.urls, multiaddrs: p2p.bootstrap, authors: next.bootstrap });
    parts.announcements.ownChanged();
    parts.p2p.settingsChanged();
    parts.streams.endPushTo((peer) => !parts.members.has(peer));
    parts.supervision.look();
    return removed;
  }

  return (asked) => {
    const result = turn.then(() => apply(asked));
    turn = result.catch(() => undefined);
    return result;
  };
}
