import { type Author, counted, LatticeError } from '../../core/types/index.ts';
import type { Peer } from '../peers/peers.ts';
import type { Names } from './names.ts';

/**
 * The peer that a person means: by its name, its label, its peer id or its author. Undefined when there is none; throws
 * LatticeError `invalid-peer` when two have the name.
 */
export function findPeer(
  text: string,
  peers: Iterable<Peer>,
  deps: { readonly names: Pick<Names, 'of' | 'label'>; readonly peerIdOf: (author: Author) => string },
): Peer | undefined {
  const all = [...peers];
  const exact = all.find(
    ({ author }) => author === text || deps.peerIdOf(author) === text || deps.names.label(author) === text,
  );
  if (exact !== undefined) return exact;
  const named = all.filter(({ author }) => deps.names.of(author) === text);
  if (named.length > 1) {
    throw new LatticeError('invalid-peer', `${counted(named.length, 'node')} are named ${text}`, {
      next: `name one of them: ${named.map(({ author }) => deps.peerIdOf(author)).join(' or ')}`,
    });
  }
  return named[0];
}
