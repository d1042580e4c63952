export * from './codes.ts';
export * from './entries.ts';
export * from './events.ts';
export * from './lattice.ts';
export * from './peers.ts';
export * from './status.ts';
export * from './sync.ts';
export * from './verdict.ts';
