export * from './chunk.ts';
export * from './plan.ts';
