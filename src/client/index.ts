export type * from '../api/contract/entities.ts';
export type * from '../api/contract/node-entities.ts';
export { LatticeError } from '../core/types/errors.ts';
export {
  createClient,
  type LatticeClient,
  type LogEvent,
  type LogLevel,
  type PageOptions,
  type PeerName,
  type WriteOptions,
} from './client.ts';
export { LatticeProblem } from './errors.ts';
export type { FollowOptions, StreamOptions } from './follow.ts';
export type { Answer, CallOptions, ClientOptions, RequestOptions } from './request.ts';
export { isTemporary } from './retry.ts';
export type { ServerSent } from './server-sent.ts';
export type { BodyReader, Fetch, FetchAnswer, FetchInit } from './transport.ts';
