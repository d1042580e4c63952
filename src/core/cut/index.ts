export * from './agreement.ts';
export * from './quorum.ts';
export * from './tracker.ts';
