export type * from '../api/contract/audit-entities.ts';
export type * from '../api/contract/entities.ts';
export type * from '../api/contract/event-entities.ts';
export type * from '../api/contract/floor-entities.ts';
export type * from '../api/contract/member-entities.ts';
export type * from '../api/contract/node-entities.ts';
export type { CountedVault, MadeBundle } from '../api/contract/original-vault-routes.ts';
export type * from '../api/contract/process-entities.ts';
export type { AccessToken, NewAccessToken } from '../api/contract/token-entities.ts';
export type * from '../api/contract/vault-entities.ts';
export { ERROR_CODES, type ErrorCode } from '../core/types/error-codes.ts';
export { LatticeError } from '../core/types/errors.ts';
export type { JsonValue } from '../core/types/index.ts';
export type { Stream } from '../timing/stream.ts';
export { createClient } from './client.ts';
export { LatticeProblem } from './errors.ts';
export type { FollowOptions, StreamOptions } from './follow.ts';
export type { LatticeClient } from './lattice-client.ts';
export type { ChangeOptions, CleanOptions, MembersClient, ValuesOptions } from './members-client.ts';
export type { PeerName } from './peers-client.ts';
export type { ProofOptions } from './proof-client.ts';
export type { Answer, CallOptions, ClientOptions, RequestOptions } from './request.ts';
export { isTemporary } from './retry.ts';
export type { ServerSent } from './server-sent.ts';
export type { CommitOptions, PageOptions, PutOptions, StateExport, WriteOptions } from './state-client.ts';
export type { LogEvent, LogLevel, RemoteChange, RemoteChanges } from './stream-client.ts';
export type { BodyReader, Fetch, FetchAnswer, FetchInit } from './transport.ts';
export type { Content } from './upload.ts';
export type {
  VaultChecked,
  VaultClient,
  VaultContent,
  VaultGetOptions,
  VaultProgress,
  VaultPutOptions,
  VaultReading,
} from './vault-client.ts';
