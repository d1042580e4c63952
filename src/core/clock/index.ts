export * from './hlc-clock.ts';
