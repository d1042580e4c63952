export * from './commit-ids.ts';
export * from './evidence.ts';
export * from './expiry.ts';
export * from './register.ts';
export * from './write.ts';
