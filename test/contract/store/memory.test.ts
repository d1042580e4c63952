import { createMemoryStore } from '../../../src/adapters/store/index.ts';
import { storeContract } from './suite.ts';

storeContract('memory', () => Promise.resolve(createMemoryStore()));
