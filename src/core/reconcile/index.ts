export * from './cells/index.ts';
export * from './descend.ts';
export * from './refused.ts';
export * from './respond.ts';
export * from './session.ts';
