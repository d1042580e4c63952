import type { Author } from '../../core/types/index.ts';
import { peerIdToAuthor } from '../../core/wire/peer-id.ts';
import type { Log } from '../../ports/index.ts';

const AUTHOR = /^[0-9a-f]{64}$/;

/** The author that an author key or a peer id names. */
function authorOf(value: unknown): Author | undefined {
  if (typeof value !== 'string') return undefined;
  return AUTHOR.test(value) ? (value as Author) : peerIdToAuthor(value);
}

/**
 * A log that names nodes as people do: an author or a peer id under `peer` or `peers` becomes the label of its node,
 * with the peer id beside it, and an author under `author`, or several under `authors`, stay and get the labels beside
 * them. The parts of a node log authors and the lungs peer ids, so that none of them has to know names. Where `labelOf`
 * is undefined, the id stays.
 */
export function namedLog(
  log: Log,
  labelOf: (author: Author) => string | undefined,
  peerIdOf: (author: Author) => string,
): Log {
  const label = (value: unknown): string | undefined => {
    const author = authorOf(value);
    return author === undefined ? undefined : labelOf(author);
  };
  function named(fields: object): object {
    const out: Record<string, unknown> = {};
    for (const [field, value] of Object.entries(fields)) {
      const name = field === 'peer' || field === 'author' ? label(value) : undefined;
      if (field === 'peers' && Array.isArray(value)) out[field] = value.map((one: unknown) => label(one) ?? one);
      else if (field === 'peer' && name !== undefined) {
        out[field] = name;
        out['peerId'] = peerIdOf(authorOf(value) as Author);
      } else {
        out[field] = value;
        if (field === 'author' && name !== undefined) out['name'] = name;
        if (field === 'authors' && Array.isArray(value)) out['names'] = value.map((one: unknown) => label(one) ?? one);
      }
    }
    return out;
  }
  return {
    debug: (fields, message) => log.debug(named(fields), message),
    info: (fields, message) => log.info(named(fields), message),
    warn: (fields, message) => log.warn(named(fields), message),
    error: (fields, message) => log.error(named(fields), message),
    child: (component) => namedLog(log.child(component), labelOf, peerIdOf),
  };
}
