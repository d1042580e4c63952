import { bytesToHex } from '../../core/types/index.ts';
import type { NodeDeps, NodeOptions } from '../facade/options.ts';
import { createGossipOutbox } from '../streams/outbox.ts';
import { createDialList } from '../transport/dial-list.ts';
import { createLinks } from '../transport/links.ts';
import { createHttpSupervisor } from '../transport/lung-http.ts';
import { createP2pSupervisor } from '../transport/lung-p2p.ts';
import type { StateParts } from './build-state.ts';
import type { OpenedNode } from './open.ts';

export type LungParts = ReturnType<typeof buildLungs>;

/**
 * Builds both lungs and the ways over them. Only their start tells them what to do with the messages of other nodes.
 */
export function buildLungs(options: NodeOptions, deps: NodeDeps, { self, addedPeers }: OpenedNode, state: StateParts) {
  const { clock, random, metrics } = deps;
  const { own, peers, mode, streams, transitions } = state;
  const p2p = createP2pSupervisor({
    lung: deps.p2p,
    clock,
    random,
    log: deps.log.child('p2p'),
    flaws: () => options.p2p.flaws ?? [],
    onState: (from, to, { code, text }) =>
      transitions.note({ from: `p2p ${from}`, to: `p2p ${to}`, cause: text, code }),
  });
  const http = createHttpSupervisor({
    lung: deps.http,
    urls: [...options.urls, ...addedPeers.now.urls.filter((url) => !options.urls.includes(url))],
    self,
    incarnation: bytesToHex(state.incarnation),
    clock,
    random,
    log: deps.log.child('http'),
    heartbeatMs: options.heartbeatMs,
    graceMs: options.graceMs,
    pollMs: options.pollMs,
    mode: () => mode.now,
    heardAt: (author) => peers.get(author)?.view.heardAt.http,
    isActive: (author) => peers.get(author)?.link.path.lung === 'http',
    isCovered: (author) => peers.get(author)?.link.path.lung === 'p2p',
    streamsToUs: streams.streamsTo,
    hello: own.hello,
  });
  const linkTo = createLinks({ p2p, http, mode: () => mode.now });
  const outbox = createGossipOutbox({
    clock,
    publish: p2p.publish,
    onDropped: (operations) => metrics.count('lattice_gossip_dropped_operations_total', {}, operations),
  });
  return { p2p, http, linkTo, outbox, dialList: createDialList(deps.p2p) };
}
