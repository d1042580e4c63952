export * from './bytes.ts';
export * from './error-codes.ts';
export * from './errors.ts';
export * from './hash.ts';
export * from './json.ts';
export * from './limits.ts';
export * from './model.ts';
export * from './oldest.ts';
