/** What the node answers, as its API says. Older versions leave out what these call optional. */
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
