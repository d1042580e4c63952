/** How many characters of a peer id tell two nodes apart for people. Its end, because all peer ids begin alike. */
const SHOWN = 8;

/** What a node may be known by. */
export interface Nameable {
  readonly name?: string | undefined;
  readonly peerId?: string | undefined;
  readonly author?: string | undefined;
  readonly url?: string | undefined;
}

/** The end of a peer id or author, as people are shown it. */
export function shortId(id: string): string {
  return id.length <= SHOWN ? id : `…${id.slice(-SHOWN)}`;
}

/**
 * What people read in place of an id: the name of the node, with the end of its id where another node has the same name
 * (`isShared`), and the URL or the end of the id where it has no name.
 */
export function nodeLabel({ name, peerId, author, url }: Nameable, isShared = false): string {
  const id = peerId ?? author;
  if (name === undefined || name === '') return url ?? (id === undefined ? 'an unknown node' : shortId(id));
  return isShared && id !== undefined ? `${name} (${shortId(id)})` : name;
}

/** The names that more than one of the nodes has. Names are unique by custom only, so nothing is told by a name alone. */
export function sharedNames(nodes: Iterable<Nameable>): ReadonlySet<string> {
  const owners = new Map<string, string | undefined>();
  const shared = new Set<string>();
  for (const { name, peerId, author } of nodes) {
    if (name === undefined || name === '') continue;
    const id = peerId ?? author;
    if (owners.has(name) && owners.get(name) !== id) shared.add(name);
    owners.set(name, id);
  }
  return shared;
}
