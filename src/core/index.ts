export * from './clock/index.ts';
export * from './codec/index.ts';
export * from './merkle/index.ts';
export * from './reconcile/index.ts';
export * from './replica/index.ts';
export * from './state/index.ts';
export * from './types/index.ts';
