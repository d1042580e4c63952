export { type StartedNode, type StartOptions, startNode } from './start-node.ts';
export { VERSION } from './version.ts';
