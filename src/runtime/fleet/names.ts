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
  /**
   * The name of a node: the one that the roster gives it, else the one that it told, else the one of the configuration,
   * else that of an earlier run.
   */
  of(author: Author): string | undefined;
  /** What people read in place of an id: the name, made unique where two nodes have the same one. */
  label(author: Author): string;
  /** Takes the name that a node told of itself; '' or undefined: it has none. */
  learn(author: Author, name: string | undefined): void;
  /**
   * Takes the names that the present roster gives; a member without one goes by what it tells. Who has `departed` takes
   * no name from another any more.
   */
  decide(members: readonly NamedMember[], departed?: ReadonlySet<Author>): void;
  /** Names that more than one node has, each with its nodes, and those of them whom the roster calls so. */
  shared(): readonly SharedName[];
}

export interface SharedName {
  readonly name: string;
  readonly authors: readonly Author[];
  /** What a node tells of itself changes nothing of a name that the roster gives. */
  readonly byRoster: readonly Author[];
}

/** A member as the roster calls it; '' where it has no name for it. */
export interface NamedMember {
  readonly author: Author;
  readonly name: string;
  /** One that is retired takes no name from another: where a key has turned, both are the same node's. */
  readonly role?: string;
}

export interface NamesDeps {
  readonly self: Author;
  readonly ownName: string;
  /** The names of the configuration, and those of earlier runs. */
  readonly configured: ReadonlyMap<Author, string>;
  readonly remembered: ReadonlyMap<Author, string>;
  /** The members of the roster with which the node starts, and who has left it before. */
  readonly decided?: readonly NamedMember[];
  readonly departed?: ReadonlySet<Author>;
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
  let decided = namesIn(deps.decided ?? []);
  let retired = retiredIn(deps.decided ?? [], deps.departed);
  let shared = namesOfMany();
  const warned = new Set<string>();

  function namesIn(members: readonly NamedMember[]): ReadonlyMap<Author, string> {
    return new Map(members.flatMap(({ author, name }) => (shownName(name) === '' ? [] : [[author, shownName(name)]])));
  }

  function retiredIn(members: readonly NamedMember[], departed?: ReadonlySet<Author>): ReadonlySet<Author> {
    return new Set([
      ...members.flatMap(({ author, role }) => (role === 'retired' ? [author] : [])),
      ...(departed ?? []),
    ]);
  }

  /** What each node is called, by whichever way, but for those that are retired or have left. */
  function all(): ReadonlyMap<Author, string> {
    return new Map([...names, ...decided].filter(([author]) => !retired.has(author)));
  }

  function namesOfMany(): ReadonlySet<string> {
    return sharedNames(Array.from(all(), ([author, name]) => ({ author, name })));
  }

  function idsOf(name: string): Author[] {
    return Array.from(all()).flatMap(([author, held]) => (held === name ? author : []));
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

  const nameOf = (author: Author): string | undefined => decided.get(author) ?? names.get(author);

  return {
    of: nameOf,
    label(author) {
      const name = nameOf(author);
      const isOthers = name !== undefined && (shared.has(name) || (retired.has(author) && idsOf(name).length > 0));
      return nodeLabel({ name, peerId: deps.peerIdOf(author) }, isOthers);
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
    decide(members, departed) {
      decided = namesIn(members);
      retired = retiredIn(members, departed);
      shared = namesOfMany();
      warn();
    },
    shared: () =>
      Array.from(shared, (name) => {
        const authors = idsOf(name);
        return { name, authors, byRoster: authors.filter((author) => decided.has(author)) };
      }),
  };
}
