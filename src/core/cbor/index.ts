export * from './cbor.ts';
export * from './json.ts';
export { checkKey, checkValue, measureValue } from './value.ts';
