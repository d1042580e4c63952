export * from './facade.ts';
export { createNode, type RunningNode } from './node.ts';
export type { NodeDeps, NodeOptions } from './options.ts';
