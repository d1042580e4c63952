import { initialPath, type PathState } from './failover.ts';
import type { Writable } from './writable.ts';

export type LungName = 'p2p' | 'http';

/** The ways to one peer. Only this module writes it. */
export interface PeerLink {
  /** Whether the configuration names the peer or an operator added it. Other peers were met on the network. */
  readonly configured: boolean;
  /** The base URL of its API, once it has proven who it is there. */
  readonly url: string | undefined;
  /** P2P has a connection to it. */
  readonly connected: boolean;
  /** Whether it has asked us something over any lung since our start, so that it reaches us of its own accord. */
  readonly reachesUs: boolean;
  /** Which lung carries it. */
  readonly path: PathState;
}

const write = (link: PeerLink): Writable<PeerLink> => link;

/** `now`: monotonic ms. */
export function createLink(now: number): PeerLink {
  return { configured: false, url: undefined, connected: false, reachesUs: false, path: initialPath(now) };
}

export function setConfigured(link: PeerLink, configured: boolean): void {
  write(link).configured = configured;
}

export function setUrl(link: PeerLink, url: string | undefined): void {
  write(link).url = url;
}

export function setConnected(link: PeerLink, connected: boolean): void {
  write(link).connected = connected;
}

export function noteReachesUs(link: PeerLink): void {
  write(link).reachesUs = true;
}

export function setPath(link: PeerLink, path: PathState): void {
  write(link).path = path;
}
