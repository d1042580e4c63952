import type { RowWrite } from '../../core/replica/index.ts';
import { decodeHeaderReaders, encodeHeaderReaders, HEADER_READERS } from '../../core/rows/index.ts';
import { type Author, EXPIRY_VERSION, LatticeError } from '../../core/types/index.ts';
import type { Log, Store } from '../../ports/index.ts';

/** A member of whom it is not known that it reads headers of version 2. */
export interface HeaderLaggard {
  /** What people read in its place. */
  readonly label: string;
  /** Whether it has told that it reads only earlier versions; else nothing has been heard of it yet. */
  readonly told: boolean;
}

/** Which members read the headers that values with an end need (SPEC EX4). */
export interface HeaderVersions {
  /** Takes note of the newest version that a hello says its sender reads; undefined in hellos that say none. */
  note(author: Author, reads: number | undefined): void;
  /** The members that are not known to read them, absent ones included. */
  laggards(): readonly HeaderLaggard[];
  /** What people read in their place; undefined where there are none. */
  notReadBy(): readonly string[] | undefined;
  /** Throws LatticeError `version-not-read`, which names them, unless every member is known to read them. */
  check(): void;
}

export interface HeaderVersionsDeps {
  /** The authors of whom an earlier run knew that they read them. */
  readonly saved: readonly Author[];
  /** All other members that may still take part. An operator names some by a URL at which nobody has answered yet. */
  readonly members: () => Iterable<{ readonly author: Author | undefined; readonly label: string }>;
  readonly keep: (make: () => readonly RowWrite[]) => Promise<void>;
  readonly log: Log;
}

/**
 * Remembers which members read version 2, over restarts: a member that is away was last heard to read it, and no node is
 * expected to be replaced by an earlier version while it is away. Of whom nothing was ever heard is taken to read
 * version 1 only.
 */
export function createHeaderVersions({ saved, members, keep, log }: HeaderVersionsDeps): HeaderVersions {
  const readers = new Set(saved);
  const others = new Set<Author>();

  function laggards(): HeaderLaggard[] {
    return Array.from(members()).flatMap(({ author, label }) =>
      author !== undefined && readers.has(author) ? [] : [{ label, told: author !== undefined && others.has(author) }],
    );
  }

  function save(): void {
    keep(() => {
      // Whoever is no member counts no more, and the row would grow for ever.
      const present = new Set(Array.from(members(), ({ author }) => author));
      const value = encodeHeaderReaders([...readers].filter((author) => present.has(author)));
      return [{ type: 'put', key: HEADER_READERS, value }];
    }).catch((error: unknown) => log.debug({ error: String(error) }, 'who reads which headers was not kept'));
  }

  return {
    note(author, reads) {
      const does = reads !== undefined && reads >= EXPIRY_VERSION;
      if (does) others.delete(author);
      else others.add(author);
      if (readers.has(author) === does) return;
      if (does) readers.add(author);
      else readers.delete(author);
      save();
    },
    laggards,
    notReadBy() {
      const behind = laggards();
      return behind.length === 0 ? undefined : behind.map(({ label }) => label);
    },
    check() {
      const behind = laggards();
      if (behind.length === 0) return;
      const names = behind.map(({ label, told }) => `${label} (${told ? 'an earlier version' : 'not heard yet'})`);
      throw new LatticeError(
        'version-not-read',
        `a value may end only once every member reads headers of version ${EXPIRY_VERSION}: ${names.join(', ')}`,
        {
          next: 'update these nodes, let them be heard once, or retire them; until then write without an end',
          details: { members: behind },
        },
      );
    },
  };
}

/** Reads what an earlier run knew. A damaged row only makes the node hear its members once more. */
export async function loadHeaderReaders(store: Pick<Store, 'get'>, log: Log): Promise<readonly Author[]> {
  const row = await store.get(HEADER_READERS);
  if (row === undefined) return [];
  try {
    return decodeHeaderReaders(row);
  } catch (err) {
    if (!(err instanceof LatticeError)) throw err;
    log.warn({ err }, 'the row of who reads which headers is damaged');
    return [];
  }
}
