export * from './evidence.ts';
export * from './register.ts';
export * from './write.ts';
