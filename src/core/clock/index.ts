export * from './hlc.ts';
export * from './hlc-clock.ts';
export * from './middle.ts';
