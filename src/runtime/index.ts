export * from './facade/index.ts';
export type { NodeDeps, NodeOptions } from './facade/options.ts';
export { namedLog } from './fleet/named-log.ts';
export { createNode, type RunningNode } from './node/node.ts';
