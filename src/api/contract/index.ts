import { ASIDE_ROUTES } from './aside-routes.ts';
import * as auditEntities from './audit-entities.ts';
import { AUDIT_ROUTES } from './audit-routes.ts';
import type { RouteContract } from './describe.ts';
import * as entities from './entities.ts';
import * as eventEntities from './event-entities.ts';
import * as floorEntities from './floor-entities.ts';
import * as memberEntities from './member-entities.ts';
import { MEMBER_ROUTES } from './member-routes.ts';
import * as nodeEntities from './node-entities.ts';
import { NODE_ROUTES } from './node-routes.ts';
import { ORIGINAL_ROUTES } from './original-routes.ts';
import { ORIGINAL_VAULT_ROUTES } from './original-vault-routes.ts';
import { PEER_ROUTES } from './peer-routes.ts';
import * as processEntities from './process-entities.ts';
import { STATE_ROUTES } from './state-routes.ts';
import { SYNC_ROUTES } from './sync-routes.ts';
import * as tokenEntities from './token-entities.ts';
import { TOKEN_ROUTES } from './token-routes.ts';
import * as vaultEntities from './vault-entities.ts';
import { VAULT_ROUTES } from './vault-routes.ts';

export { type Cost, type Entity, ERRORS, type RouteContract } from './describe.ts';
export { Problem } from './entities.ts';

/** Every route of the API. */
export const CONTRACT: readonly RouteContract[] = [
  ...STATE_ROUTES,
  ...ASIDE_ROUTES,
  ...VAULT_ROUTES,
  ...ORIGINAL_VAULT_ROUTES,
  ...NODE_ROUTES,
  ...AUDIT_ROUTES,
  ...TOKEN_ROUTES,
  ...MEMBER_ROUTES,
  ...PEER_ROUTES,
  ...SYNC_ROUTES,
  ...ORIGINAL_ROUTES,
];

/** The named schemas, to which the schemas of the routes refer. */
export const ENTITIES = [
  ...Object.values(entities),
  ...Object.values(eventEntities),
  ...Object.values(nodeEntities),
  ...Object.values(floorEntities),
  ...Object.values(memberEntities),
  ...Object.values(processEntities),
  ...Object.values(auditEntities),
  ...Object.values(tokenEntities),
  ...Object.values(vaultEntities),
].filter((x) => typeof x === 'object' && 'ref' in x);
