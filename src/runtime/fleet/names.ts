import { type Author, dropOldest, nodeLabel, sharedNames } from '../../core/types/index.ts';

/** Names of more nodes than a fleet has, so that nobody who is met on the network makes the book grow. */
const MAX_NAMES = 1024;
/**
 * Characters that a name may not bring into a log, a terminal or a page: controls, invisible formatting (which can turn
 * the direction of the text around it), lone surrogates and unassigned ones.
 */
const UNSHOWN = /[\p{C}\p{Zl}\p{Zp}]/gu;

/** What the nodes of the fleet are called (SPEC J5). */
export interface Names {
  /** The name of a node: the one that it told, else the one of the configuration, else that of an earlier run. */
  of(author: Author): string | undefined;
  /** What people read in place of an id: the name, made unique where two nodes have the same one. */
  label(author: Author): string;
  /** Takes the name that a node told of itself; '' or undefined: it has none. */
  learn(author: Author, name: string | undefined): void;
  /** Names that more than one node has, each with its nodes. */
  shared(): readonly { readonly name: string; readonly authors: readonly Author[] }[];
}

export interface NamesDeps {
  readonly self: Author;
  readonly ownName: string;
  /** The names of the configuration, and those of earlier runs. */
  readonly configured: ReadonlyMap<Author, string>;
  readonly remembered: ReadonlyMap<Author, string>;
  readonly peerIdOf: (author: Author) => string;
  readonly log: { warn(fields: object, message: string): void };
}

/** A told name without what no name may bring into a log, a terminal or a page. */
function shownName(told: string): string {
  return told.replace(UNSHOWN, '').trim();
}

export function createNames(deps: NamesDeps): Names {
  const names = new Map<Author, string>();
  for (const source of [deps.remembered, deps.configured])
    for (const [author, name] of source) if (name !== '') names.set(author, shownName(name));
  if (deps.ownName !== '') names.set(deps.self, shownName(deps.ownName));
  let shared = namesOfMany();
  const warned = new Set<string>();

  function namesOfMany(): ReadonlySet<string> {
    return sharedNames(Array.from(names, ([author, name]) => ({ author, name })));
  }

  function idsOf(name: string): Author[] {
    return Array.from(names).flatMap(([author, held]) => (held === name ? author : []));
  }

  function warn(): void {
    for (const name of shared) {
      if (warned.has(name)) continue;
      dropOldest(warned, MAX_NAMES);
      warned.add(name);
      deps.log.warn({ name, peerIds: idsOf(name).map(deps.peerIdOf) }, 'two nodes have one name');
    }
  }
  warn();

  return {
    of: (author) => names.get(author),
    label(author) {
      const name = names.get(author);
      return nodeLabel({ name, peerId: deps.peerIdOf(author) }, name !== undefined && shared.has(name));
    },
    learn(author, told) {
      const name = shownName(told ?? '');
      // A node of an earlier version tells no name, and one that was named in the configuration keeps that name.
      if (name === '' || author === deps.self || names.get(author) === name) return;
      if (!names.has(author) && names.size >= MAX_NAMES) return;
      names.set(author, name);
      shared = namesOfMany();
      warn();
    },
    shared: () => Array.from(shared, (name) => ({ name, authors: idsOf(name) })),
  };
}
