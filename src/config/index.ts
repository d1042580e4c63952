export { configProblems } from './config-form.ts';
export type { Environment } from './environment.ts';
export * from './fleet.ts';
export { type HostsOptions, planHosts } from './fleet-hosts.ts';
export { flawedBy, type Inspection, inspectConfig, type LoadOptions, loadConfig } from './load.ts';
export type { Config } from './model.ts';
export {
  type ApiSettings,
  type NodeSettings,
  type P2pSettings,
  SETTING_FIELDS,
  type SettingField,
  settingsToConfig,
} from './node-settings.ts';
export { invalidConfig, type Problem } from './problems.ts';
export { planReload, type Reload } from './reload.ts';
export { type ConfigSource, openConfigSource } from './source.ts';
export { type Kind, namesOf, type Variable } from './variable.ts';
export { VARIABLES, type VariableName } from './variables.ts';
