export * from './added-peers.ts';
export type { AuthorClock } from './author-clocks.ts';
export * from './bootstrap.ts';
export * from './checkpoint.ts';
export * from './entry-row.ts';
export * from './idempotency.ts';
export * from './journal.ts';
export * from './keys.ts';
export * from './state-meta.ts';
