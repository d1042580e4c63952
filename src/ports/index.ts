export * from './lungs.ts';
export * from './store.ts';
export * from './system.ts';
export * from './vault.ts';
