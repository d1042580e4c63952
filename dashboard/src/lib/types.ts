/** The node's answers, as its API describes them. Nodes of older versions leave optional fields out. */
import type { Status } from '../../../src/client/index.ts';

export type {
  Change,
  ConfigItem,
  Conflict,
  Differences,
  EntryPage,
  History,
  Invitation,
  LogLine,
  Peer,
  PingResult,
  Resources,
  Roster,
  Series,
  Status,
  Transition,
} from '../../../src/client/index.ts';

/** What a node says of itself and its fleet. */
export type Verdict = Status['verdict'];
/** What it says of one other node. */
export type Member = Verdict['members'][number];
