export * from './decoder.ts';
export * from './live.ts';
export { itemOf } from './prefix.ts';
export * from './published.ts';
export * from './search.ts';
export * from './serve.ts';
