export * from './cells/index.ts';
export * from './descend.ts';
export * from './effects.ts';
export * from './refused.ts';
export * from './respond.ts';
export * from './session.ts';
export * from './settle.ts';
export * from './tally.ts';
