export { type LevelOptions, openLevelStore } from './leveldb.ts';
export { createMemoryStore } from './memory.ts';
export { freeBytes } from './space.ts';
