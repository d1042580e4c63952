import type { Author, Bytes, Fragment, Hasher } from '../../core/types/index.ts';
import { encodeGossip, siblingsToFragments } from '../../core/wire/index.ts';
import type { Writer } from '../commit/writer.ts';
import type { EventSubscription } from '../facade/index.ts';
import { type Entries, wantedKeys } from '../storage/entries.ts';
import type { Consumers } from './consumers.ts';
import { packFragments } from './pack.ts';
import type { Cursors } from './replay.ts';

/**
 * After this many bytes of a replay a cursor says how far it has come, so that a reader that is cut off goes on from
 * there.
 */
const CURSOR_EVERY_BYTES = 64 * 1024;

export interface PushStreamDeps {
  readonly consumers: Consumers;
  readonly cursors: Cursors;
  readonly entries: Pick<Entries, 'many'>;
  readonly hasher: Hasher;
  readonly writer: Pick<Writer, 'read'>;
  readonly sequence: () => number;
}

/**
 * Opens a push stream for a peer (SPEC X7): commits that the peer neither made nor brought, heads, and cursors from
 * which it can go on. An empty `cursor` begins with the present. `send` returns whether there is room for more.
 */
export async function openPushStream(
  deps: PushStreamDeps,
  peer: Author,
  cursor: string,
  send: (frame: Bytes) => boolean,
  closed: () => void,
): Promise<EventSubscription> {
  let at = deps.sequence();
  let replaying = true;
  let open = true;
  let unclaimed = 0;
  const sendCommits = (fragments: readonly Fragment[]): boolean =>
    packFragments(fragments).every((frame) => {
      unclaimed += frame.length;
      return send(frame);
    });
  const sendCursor = (): boolean => send(encodeGossip({ type: 'cursor', cursor: deps.cursors.at(at) }));
  const stream = await deps.consumers.join(
    {
      peer,
      take: (batch) => {
        at = batch.sequence;
        // The author of a commit has it already.
        const fragments = batch.pushed.flatMap(({ fragment, from }) =>
          from === peer || fragment.header.author === peer ? [] : [fragment],
        );
        return fragments.length === 0 || sendCommits(fragments);
      },
      // While the replay runs, a head is sent without a cursor, because the cursor would claim what is still being
      // sent.
      takeHead: (head) => send(encodeGossip({ type: 'head', head })) && (replaying || sendCursor()),
      takeFrame: send,
      drop: () => {
        open = false;
        closed();
      },
    },
    {
      cursor: cursor === '' ? undefined : cursor,
      async replay(sequence, journal) {
        at = sequence;
        const keys = journal.changes.map(({ key }) => key);
        const entries = await deps.entries.many(wantedKeys(keys, deps.hasher), (read) => deps.writer.read(read));
        const siblings = entries.flatMap((entry) => entry?.siblings ?? []);
        if (!sendCommits(siblingsToFragments(siblings, deps.hasher))) return false;
        if (unclaimed < CURSOR_EVERY_BYTES) return true;
        unclaimed = 0;
        return sendCursor();
      },
      reset(reason, newest) {
        at = newest;
        send(encodeGossip({ type: 'reset', reason }));
      },
    },
  );
  replaying = false;
  if (open) sendCursor();
  return stream;
}
