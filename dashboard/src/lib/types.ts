/** The node's answers, as its API describes them. Nodes of older versions leave optional fields out. */
export type {
  ConfigItem,
  Conflict,
  Differences,
  EntryPage,
  History,
  LogLine,
  Peer,
  PingResult,
  Resources,
  Series,
  Status,
  Transition,
} from '../../../src/client/index.ts';
