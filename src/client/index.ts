export type * from '../api/contract/entities.ts';
export type * from '../api/contract/node-entities.ts';
export {
  createClient,
  type LatticeClient,
  type LogEvent,
  type LogLevel,
  type PageOptions,
  type PeerName,
  type WriteOptions,
} from './client.ts';
export type { FollowOptions } from './follow.ts';
export { LatticeProblem } from './problem.ts';
export type { CallOptions, ClientOptions } from './request.ts';
