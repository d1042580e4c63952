export * from './budget.ts';
export * from './collect.ts';
export * from './complete.ts';
export * from './own-cuts.ts';
export * from './register.ts';
export * from './settle.ts';
