export { type StartedNode, type StartOptions, startNode } from './app/index.ts';
export { type Config, loadConfig } from './config/index.ts';
export * from './runtime/facade.ts';
