export { handOverStore, ownerOf } from '../adapters/store/owner.ts';
