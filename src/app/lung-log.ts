import type { Author } from '../core/types/index.ts';
import { peerIdToAuthor } from '../core/wire/peer-id.ts';
import type { Log } from '../ports/index.ts';

/**
 * The log of a lung, which knows peers by their ids alone: a peer id under `peer` becomes the name of the node, with the
 * id beside it, as in the lines of the node itself. `nameOf` answers undefined while the node is being made, and for
 * this node.
 */
export function lungLog(log: Log, nameOf: (author: Author) => string | undefined): Log {
  function named(fields: object): object {
    const peer = (fields as { readonly peer?: unknown }).peer;
    const author = typeof peer === 'string' ? peerIdToAuthor(peer) : undefined;
    const name = author === undefined ? undefined : nameOf(author);
    return name === undefined ? fields : { ...fields, peer: name, peerId: peer };
  }
  return {
    debug: (fields, message) => log.debug(named(fields), message),
    info: (fields, message) => log.info(named(fields), message),
    warn: (fields, message) => log.warn(named(fields), message),
    error: (fields, message) => log.error(named(fields), message),
    child: (component) => lungLog(log.child(component), nameOf),
  };
}
