import type {
  HistoryItem,
  HistoryPage,
  NodeStatus,
  PeerDifferences,
  PeerStatus,
  PingOutcome,
  SeriesPoint,
  SeriesView,
  Transition,
} from '../../../src/runtime/facade/facade.ts';

/** What the node answers is what its facade tells. Older versions leave out what their types call optional. */
export type Status = NodeStatus;
export type Peer = PeerStatus;

export type { ConfigItem, LogLine, Resources } from '../../../src/api/contract/entities.ts';
export type { HistoryItem, HistoryPage, PeerDifferences, PingOutcome, SeriesPoint, SeriesView, Transition };
