export * from './register.ts';
export * from './write.ts';
