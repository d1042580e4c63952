import type { RowWrite } from '../../core/replica/index.ts';
import { decodeHeaderReaders, encodeHeaderReaders } from '../../core/rows/index.ts';
import { type Author, type Bytes, EXPIRY_VERSION, LatticeError } from '../../core/types/index.ts';
import type { Log, Store } from '../../ports/index.ts';

/** A member of whom it is not known that it speaks a version. */
export interface HeaderLaggard {
  /** What people read in its place. */
  readonly label: string;
  /** Whether it has told that it speaks only earlier versions; else nothing has been heard of it yet. */
  readonly told: boolean;
}

/**
 * Which members speak a version: 2 reads headers of values with an end (SPEC EX4), 3 collects what is dead (FL6).
 */
export interface HeaderVersions {
  /** Takes note of the newest version that a hello says its sender speaks; undefined in hellos that say none. */
  note(author: Author, reads: number | undefined): void;
  /** The members that are not known to speak it, absent ones included. */
  laggards(): readonly HeaderLaggard[];
  /** What people read in their place; undefined where there are none. */
  notReadBy(): readonly string[] | undefined;
  /** Throws LatticeError `version-not-read`, which names them, unless every member is known to read version 2. */
  check(): void;
}

export interface HeaderVersionsDeps {
  readonly version: number;
  /** The key of the row of who speaks it. */
  readonly row: Bytes;
  /** The authors of whom an earlier run knew that they speak it. */
  readonly saved: readonly Author[];
  /** All other members that may still take part. An operator names some by a URL at which nobody has answered yet. */
  readonly members: () => Iterable<{ readonly author: Author | undefined; readonly label: string }>;
  readonly keep: (make: () => readonly RowWrite[]) => Promise<void>;
  readonly log: Log;
}

/**
 * Remembers which members speak the version, over restarts: a member that is away was last heard to speak it, and no
 * node is expected to be replaced by an earlier version while it is away. Of whom nothing was ever heard is taken to
 * speak version 1 only.
 */
export function createHeaderVersions(deps: HeaderVersionsDeps): HeaderVersions {
  const { version, row, saved, members, keep, log } = deps;
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
      return [{ type: 'put', key: row, value }];
    }).catch((error: unknown) => log.debug({ error: String(error) }, 'who speaks which version was not kept'));
  }

  return {
    note(author, reads) {
      const does = reads !== undefined && reads >= version;
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
export async function loadHeaderReaders(store: Pick<Store, 'get'>, key: Bytes, log: Log): Promise<readonly Author[]> {
  const row = await store.get(key);
  if (row === undefined) return [];
  try {
    return decodeHeaderReaders(row);
  } catch (err) {
    if (!(err instanceof LatticeError)) throw err;
    log.warn({ err }, 'the row of who speaks which version is damaged');
    return [];
  }
}
