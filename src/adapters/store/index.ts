export { type LevelOptions, openLevelStore } from './leveldb.ts';
export { createMemoryStore } from './memory.ts';
export { claimStore, ownerOf } from './owner.ts';
export { freeBytes } from './space.ts';
