import type { Log } from '../../ports/index.ts';
import { forgetRefused } from '../peers/peers.ts';
import type { OpenedNode } from './open.ts';
import type { Parts } from './parts.ts';

/** Has every part act by another roster as soon as it takes effect: one that was decided, or another configured list. */
export function followRoster({ opened, parts, log }: { opened: OpenedNode; parts: Parts; log: Log }): () => void {
  const { roster } = opened;
  let before: readonly string[] = roster.authors;
  return roster.onChange(({ state }) => {
    const now = roster.authors;
    const added = now.filter((author) => !before.includes(author));
    const removed = before.filter((author) => !roster.has(author as never));
    before = now;
    parts.names.decide(state.roster.members, state.departed);
    // What others know of this node's own commits comes before anybody new is heard.
    parts.guard.tick();
    parts.members.listTrusted();
    parts.snapshots.forget();
    // Whatever was refused may come out otherwise.
    for (const peer of parts.peers.all()) {
      forgetRefused(peer);
      parts.peers.repairSoon(peer.author);
    }
    for (const reason of parts.configured()) parts.guard.set(reason.code, reason.text);
    parts.streams.endPushTo((peer) => !parts.members.has(peer));
    log.info({ added, removed, authors: now.length, epoch: state.roster.epoch }, 'another roster is in force');
  });
}
