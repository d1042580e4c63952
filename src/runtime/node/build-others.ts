import { COLLECTORS, HEADER_READERS } from '../../core/rows/index.ts';
import { EXPIRY_VERSION, nodeLabel, SPOKEN_VERSION } from '../../core/types/index.ts';
import type { NodeDeps, NodeOptions } from '../facade/options.ts';
import { createHeaderVersions } from '../fleet/header-versions.ts';
import { createRememberedPeers } from '../fleet/remembered-peers.ts';
import { expectedNodes } from '../watch/members.ts';
import type { LungParts } from './build-lungs.ts';
import type { StateParts } from './build-state.ts';
import type { OpenedNode } from './open.ts';

export type OtherParts = ReturnType<typeof buildOthers>;

/** Builds what the node keeps of the other nodes: who they were, and which versions they read. */
export function buildOthers(
  options: NodeOptions,
  deps: NodeDeps,
  opened: OpenedNode,
  { members, names, peers, writer }: StateParts,
  { http }: LungParts,
) {
  const { clock } = deps;
  const { roster } = opened;
  const log = deps.log.child('node');

  const remembered = createRememberedPeers({
    saved: opened.rememberedPeers,
    peers,
    members,
    names,
    urls: () => http.peers().map(({ url }) => url),
    graceMs: options.graceMs,
    heartbeatMs: options.heartbeatMs,
    clock,
    log,
    keep: writer.keep,
  });

  const expectedMembers = () => {
    const hasTrustList = (): boolean => options.trusted.length > 0;
    const isMember = members.has;
    const expected = expectedNodes({ clock, roster, peers, http, remembered, hasTrustList, isMember });
    return [
      ...expected.members.map(({ author }) => ({ author, label: names.label(author) })),
      ...expected.urls.map(({ url }) => ({ author: remembered.at(url)?.author, label: nodeLabel({ url }) })),
    ];
  };
  const headerVersions = createHeaderVersions({
    version: EXPIRY_VERSION,
    row: HEADER_READERS,
    saved: opened.headerReaders,
    members: expectedMembers,
    keep: writer.keep,
    log,
  });
  const collectors = createHeaderVersions({
    version: SPOKEN_VERSION,
    row: COLLECTORS,
    saved: opened.collectors,
    members: expectedMembers,
    keep: writer.keep,
    log,
  });

  return { remembered, headerVersions, collectors };
}
