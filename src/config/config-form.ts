import type { Config } from './model.ts';
import type { Problem } from './problems.ts';

type FormOf<T> = T extends readonly unknown[]
  ? 'list'
  : T extends string
    ? 'string'
    : T extends number
      ? 'number'
      : T extends boolean
        ? 'boolean'
        : Forms<T>;
/** The types of the fields that are always there. What may be undefined is none of them. */
type Forms<T> = {
  readonly [K in keyof T as undefined extends T[K] ? never : K]: FormOf<T[K]>;
};

/** What a configuration is by its form. Whether its values can be used was checked when it was made. */
const FORM: Omit<Forms<Config>, 'key'> = {
  name: 'string',
  role: 'string',
  names: 'list',
  environment: 'string',
  network: 'string',
  stateDir: 'string',
  vaultDir: 'string',
  sentinelDir: 'string',
  vault: { enabled: 'boolean', policy: 'string', maxObjectBytes: 'number', store: { kind: 'string' } },
  legacy: 'list',
  importLegacy: 'string',
  logLevel: 'string',
  logFormat: 'string',
  metrics: 'boolean',
  api: {
    enabled: 'boolean',
    host: 'string',
    port: 'number',
    corsOrigins: 'list',
    allowedHosts: 'list',
    trustedProxies: 'list',
    publicSync: 'boolean',
    legacySwitch: 'string',
  },
  p2p: {
    enabled: 'boolean',
    listen: 'list',
    bootstrap: 'list',
    topic: 'string',
    mdns: 'boolean',
    open: 'boolean',
    flaws: 'list',
  },
  safeMode: 'boolean',
  http: { nodes: 'list', pollIntervalMs: 'number' },
  announce: 'list',
  heartbeatIntervalMs: 'number',
  peerlessTimeoutMs: 'number',
  trusted: 'list',
  violations: 'list',
  settings: 'list',
  warnings: 'list',
};

const FIX = 'give what loadConfig returns, or settings without config';

const isObject = (given: unknown): given is Readonly<Record<string, unknown>> =>
  typeof given === 'object' && given !== null && !Array.isArray(given);

/** What keeps something from being a configuration that `loadConfig` made. A part that is missing is one problem. */
export function configProblems(given: unknown): readonly Problem[] {
  const problems: Problem[] = [];
  function look(name: string, value: unknown, form: unknown): void {
    const problem = (rule: string): void => void problems.push({ variable: name, value: '', rule, fix: FIX });
    if (value === undefined) return problem('it is missing');
    if (typeof form === 'string') {
      if (form === 'list' ? !Array.isArray(value) : typeof value !== form) problem(`it is no ${form}`);
      return;
    }
    if (!isObject(value)) return problem('it is no object');
    for (const [field, inner] of Object.entries(form as object)) look(`${name}.${field}`, value[field], inner);
  }
  const form = { ...FORM, key: { source: 'string' } };
  if (isObject(given) && !Object.keys(form).some((name) => given[name] !== undefined))
    return [{ variable: 'config', value: '', rule: 'it has no setting', fix: FIX }];
  look('config', given, form);
  return problems;
}
