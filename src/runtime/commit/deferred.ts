import { type Author, type Fragment, MAX_DEFERRED } from '../../core/types/index.ts';
import type { Origin } from './origin.ts';
import { fragmentBytes } from './sizes.ts';

/** The room of a small fragment. A larger one takes as much as it has bytes: MAX_DEFERRED of them would be 80 MiB. */
const LEAST_ROOM = 16 * 1024;
const ROOM = MAX_DEFERRED * LEAST_ROOM;
/**
 * The room of one author. An author with a wrong clock, or one who signs the future on purpose, then leaves most of it
 * to the others.
 */
const ROOM_OF_AUTHOR = ROOM / 4;

export interface DeferredFragment {
  readonly fragment: Fragment;
  readonly origin: Origin;
}

/** Commits from the future that are kept aside until their time comes (SPEC C4). */
export interface Deferred {
  has(name: string): boolean;
  /** Keeps a fragment. Where there is no room, the oldest of the author who takes most of it makes room. */
  add(name: string, one: DeferredFragment): void;
  delete(name: string): void;
  all(): Iterable<DeferredFragment>;
  readonly size: number;
}

/** What is kept of one author, oldest first, and the room that it takes. */
interface Share {
  readonly kept: Map<string, DeferredFragment>;
  room: number;
}

export function createDeferred(): Deferred {
  const shares = new Map<Author, Share>();
  const authorOf = new Map<string, Author>();
  let taken = 0;

  function remove(name: string): void {
    const author = authorOf.get(name);
    const share = author === undefined ? undefined : shares.get(author);
    const one = share?.kept.get(name);
    if (author === undefined || share === undefined || one === undefined) return;
    const room = roomOf(one);
    taken -= room;
    share.room -= room;
    share.kept.delete(name);
    authorOf.delete(name);
    if (share.kept.size === 0) shares.delete(author);
  }

  function dropOldestOf(share: Share | undefined): void {
    const [oldest] = share?.kept.keys() ?? [];
    if (oldest !== undefined) remove(oldest);
  }

  function makeRoom(author: Author, room: number): void {
    for (;;) {
      const own = shares.get(author);
      if (own !== undefined && own.room + room > ROOM_OF_AUTHOR) dropOldestOf(own);
      else if (taken + room > ROOM) dropOldestOf([...shares.values()].sort((a, b) => b.room - a.room)[0]);
      else return;
    }
  }

  return {
    has: (name) => authorOf.has(name),
    add(name, one) {
      const { author } = one.fragment.header;
      const room = roomOf(one);
      remove(name);
      makeRoom(author, room);
      const share = shares.get(author) ?? { kept: new Map<string, DeferredFragment>(), room: 0 };
      shares.set(author, share);
      share.kept.set(name, one);
      share.room += room;
      authorOf.set(name, author);
      taken += room;
    },
    delete: remove,
    all: () => [...shares.values()].flatMap(({ kept }) => [...kept.values()]),
    get size() {
      return authorOf.size;
    },
  };
}

function roomOf({ fragment }: DeferredFragment): number {
  return Math.max(LEAST_ROOM, fragmentBytes(fragment));
}
