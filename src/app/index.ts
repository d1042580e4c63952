export { type StartedNode, type StartOptions, startNode } from './start-node.ts';
