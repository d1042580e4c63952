import type { Author } from '../../core/types/index.ts';
import type { Log } from '../../ports/index.ts';
import type { Names } from './names.ts';

const AUTHOR = /^[0-9a-f]{64}$/;
const isAuthor = (value: unknown): value is Author => typeof value === 'string' && AUTHOR.test(value);

/**
 * A log that names nodes as people do: an author under `peer` or `peers` becomes the label of its node, with the peer id
 * beside it, and one under `author` stays and gets the label beside it. The parts of a node log authors, so that none
 * of them has to know names.
 */
export function namedLog(log: Log, names: Pick<Names, 'label'>, peerIdOf: (author: Author) => string): Log {
  function named(fields: object): object {
    const out: Record<string, unknown> = {};
    for (const [field, value] of Object.entries(fields)) {
      if (field === 'peers' && Array.isArray(value)) {
        out[field] = value.map((one: unknown) => (isAuthor(one) ? names.label(one) : one));
      } else if (field === 'peer' && isAuthor(value)) {
        out[field] = names.label(value);
        out['peerId'] = peerIdOf(value);
      } else {
        out[field] = value;
        if (field === 'author' && isAuthor(value)) out['name'] = names.label(value);
      }
    }
    return out;
  }
  return {
    debug: (fields, message) => log.debug(named(fields), message),
    info: (fields, message) => log.info(named(fields), message),
    warn: (fields, message) => log.warn(named(fields), message),
    error: (fields, message) => log.error(named(fields), message),
    child: (component) => namedLog(log.child(component), names, peerIdOf),
  };
}
