export * from './hlc.ts';
export * from './hlc-clock.ts';
