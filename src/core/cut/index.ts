export * from './quorum.ts';
export * from './tracker.ts';
