export { type Environment, processEnvironment } from './environment.ts';
export * from './fleet.ts';
export { isWildcard, type LoadOptions, loadConfig } from './load.ts';
export type { Config } from './model.ts';
export type { Problem } from './problems.ts';
export { type Kind, LEGACY_PREFIX, namesOf, PREFIX, VARIABLES, type Variable, type VariableName } from './variables.ts';
