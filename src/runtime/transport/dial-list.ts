import type { P2pLung } from '../../ports/index.ts';

/** Whom the P2P lung stays connected with: the peers that are named, and the members that announced themselves. */
export interface DialList {
  /** Multiaddrs of the configuration and of operators. */
  name(multiaddrs: readonly string[]): void;
  /** Multiaddrs that members announced. */
  announce(multiaddrs: readonly string[]): void;
}

export function createDialList(lung: Pick<P2pLung, 'stayWith'> | undefined): DialList {
  let named: readonly string[] = [];
  let announced: readonly string[] = [];
  const tell = (): void => lung?.stayWith?.(named, announced);
  return {
    name(multiaddrs) {
      named = multiaddrs;
      tell();
    },
    announce(multiaddrs) {
      announced = multiaddrs;
      tell();
    },
  };
}
