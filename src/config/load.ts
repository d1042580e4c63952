import { isIPv6 } from 'node:net';
import { join } from 'node:path';
import { type Environment, readSettings, type Settings } from './environment.ts';
import type { Config, ConfigSetting } from './model.ts';
import { invalidConfig, type Problem, shownValue } from './problems.ts';
import { type Context, PARSERS, type Values } from './values.ts';
import { type KindOf, PREFIX, VARIABLES, type Variable, type VariableName } from './variables.ts';

/** Where a configuration comes from. */
export interface LoadOptions {
  readonly env: Environment;
  /** An env file, relative to `cwd`, which must exist. Default: `.env` in `cwd` where there is one. */
  readonly envFile?: string | undefined;
  /** The absolute path of the working directory. */
  readonly cwd: string;
  /** Whether the log goes to a terminal, which decides the log format when none is set. Default: false. */
  readonly terminal?: boolean;
}

/** Whether a bind address means every interface. */
export function isWildcard(host: string): boolean {
  if (host === '0.0.0.0') return true;
  if (!isIPv6(host) || host.includes('%')) return false;
  const { hostname } = new URL(`http://[${host}]`); // the shortest form of the address
  return hostname === '[::]' || hostname === '[::ffff:0:0]';
}

/** What the production guard objects to, each as a sentence that names the fix. Empty outside of production. */
export function violationsOf(config: Omit<Config, 'violations'>): string[] {
  if (config.environment !== 'production') return [];
  const violations: string[] = [];
  const { enabled: serves } = config.api;
  // The original objects to a missing list as well, because there it means every origin. Here it means none.
  if (serves && config.api.corsOrigins.includes('*')) {
    violations.push(
      'CORS is open to every origin (*): list the origins that may call the API in DIOTEC360_CORS_ORIGINS, or leave it out where no other page does.',
    );
  }
  if (config.p2p.enabled && config.p2p.bootstrap.length === 0) {
    violations.push(
      'P2P is enabled without a bootstrap peer: name one in DIOTEC360_P2P_BOOTSTRAP, or set DIOTEC360_P2P_ENABLED=false.',
    );
  }
  if (config.trusted.length === 0) {
    violations.push(
      'No trusted keys are set: list the public keys of the nodes, this one included, in DIOTEC360_TRUSTED_STATE_PUBKEYS.',
    );
  }
  if (serves && isWildcard(config.api.host) && config.api.token === undefined) {
    violations.push(
      'The API is bound to all interfaces without a token: set DIOTEC360_API_TOKEN, or DIOTEC360_API_HOST=127.0.0.1.',
    );
  }
  return violations;
}

/** A variable as operators are shown it. */
function settingOf(variable: Variable, settings: Settings): ConfigSetting {
  const found = settings.find(variable);
  const { name, unit, description: help, secret = false } = variable;
  const text = found?.text ?? variable.default;
  return {
    name: PREFIX + name,
    value: secret ? (found === undefined ? 'not set' : 'set') : text,
    source:
      found === undefined
        ? 'default'
        : found.from === 'options' || found.name.startsWith(PREFIX)
          ? found.from
          : 'legacy',
    secret,
    unit,
    help,
  };
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    for (const part of Object.values(value)) deepFreeze(part);
    Object.freeze(value);
  }
  return value;
}

/**
 * Loads the configuration of a node from an environment and an env file, as a node that runs alone does. All that is
 * wrong is thrown as one error.
 *
 * @throws `invalid-config`, whose `details.problems` is a list of `Problem`s: `{ variable, value, rule, fix }`
 * @example
 * const config = loadConfig({ env: process.env, envFile: 'node.env', cwd: process.cwd() });
 * const node = await startNode({ config, logger: 'stdout' });
 */
export function loadConfig(options: LoadOptions): Config {
  const problems: Problem[] = [];
  const { cwd, terminal = false } = options;
  return configOf(readSettings(options, problems), problems, { cwd, terminal, serves: true });
}

/**
 * Makes a configuration of the texts of variables, wherever they come from. `cwd` is the base of the default paths, and
 * `serves` tells whether the node has an API. Throws as `loadConfig` does; `problems` has what is wrong already.
 */
export function configOf(
  settings: Settings,
  problems: Problem[],
  { cwd, terminal, serves }: { readonly cwd: string; readonly terminal: boolean; readonly serves: boolean },
): Config {
  const warnings = [...settings.warnings];
  const table: ReadonlyMap<string, Variable> = new Map(VARIABLES.map((variable) => [variable.name, variable]));

  function variableOf(name: VariableName): Variable {
    return table.get(name) as Variable;
  }
  function reject(name: VariableName, rule: string, fix: string): void {
    const variable = variableOf(name);
    const found = settings.find(variable);
    const value = found?.text ?? variable.default;
    problems.push({
      variable: found?.name ?? `DIOTEC360_${name}`,
      value: shownValue(value, variable.secret === true),
      rule,
      fix,
    });
  }
  function read<N extends VariableName>(name: N): Values[KindOf<N>] {
    const variable = variableOf(name);
    const found = settings.find(variable);
    const context: Context = {
      variable,
      base: found?.base ?? cwd,
      reject(value, flaw) {
        const variableName = found?.name ?? `DIOTEC360_${name}`;
        problems.push({ variable: variableName, value: shownValue(value, variable.secret === true), ...flaw });
      },
    };
    const parse = PARSERS[variable.kind as KindOf<N>] as (text: string, context: Context) => Values[KindOf<N>];
    return parse(found?.text ?? variable.default, context);
  }

  const environment = read('ENVIRONMENT');
  const [winner, ...others] = settings.findAll(variableOf('ENVIRONMENT'));
  const prefixOf = (name: string): string => name.slice(0, name.indexOf('_'));
  const disagrees = others.some(({ name, text }) => {
    return winner && prefixOf(name) === prefixOf(winner.name) && text.toLowerCase() !== winner.text.toLowerCase();
  });
  if (disagrees) reject('ENVIRONMENT', 'ENVIRONMENT and ENV do not say the same', 'set one of them only');

  const stateDir = read('STATE_DIR');
  const vaultDir = read('VAULT_DIR');
  const sentinelDir = read('SENTINEL_DIR');
  if (vaultDir === stateDir) reject('VAULT_DIR', 'it is the state directory too', 'give each its own directory');
  if (sentinelDir === stateDir || sentinelDir === vaultDir) {
    reject('SENTINEL_DIR', 'it is the state or vault directory too', 'give each its own directory');
  }

  const seedHex = read('NODE_PRIVKEY_HEX');
  const keyFile = read('KEY_FILE');
  if (seedHex !== undefined && keyFile !== '') {
    reject('NODE_PRIVKEY_HEX', 'a key and a key file are both set', 'unset NODE_PRIVKEY_HEX or KEY_FILE');
  }

  const token = read('API_TOKEN');
  let host = read('API_HOST');
  if (serves && isWildcard(host) && token === undefined && environment !== 'production') {
    warnings.push(
      `The API listens on 127.0.0.1 instead of ${host}: set DIOTEC360_API_TOKEN to listen on all interfaces.`,
    );
    host = '127.0.0.1';
  }

  const listen = read('P2P_LISTEN');
  const bootstrap = read('P2P_BOOTSTRAP');
  const mdns = read('P2P_MDNS') ?? false;
  const open = read('P2P_OPEN') ?? false;
  const p2pEnabled = read('P2P_ENABLED') ?? (listen.length > 0 || bootstrap.length > 0);
  if (p2pEnabled && listen.length === 0 && bootstrap.length === 0) {
    warnings.push('P2P is enabled but neither listens nor dials: set DIOTEC360_P2P_LISTEN or DIOTEC360_P2P_BOOTSTRAP.');
  }

  const heartbeatIntervalMs = read('HEARTBEAT_INTERVAL');
  const peerlessTimeoutMs = read('PEERLESS_TIMEOUT');
  if (peerlessTimeoutMs <= heartbeatIntervalMs) {
    warnings.push(
      'PEERLESS_TIMEOUT is not above HEARTBEAT_INTERVAL: a quiet peer looks lost between two heartbeats. Set DIOTEC360_PEERLESS_TIMEOUT to three heartbeats or more.',
    );
  }

  const topic = read('P2P_TOPIC');
  const logFormat = read('LOG_FORMAT') || (terminal ? 'pretty' : 'json');
  read('URL'); // only the command line uses it; read here so that a bad one is found at the start
  const config: Omit<Config, 'violations'> = {
    name: read('NODE_NAME'),
    role: read('NODE_ROLE'),
    names: read('NODE_NAMES'),
    environment: environment as Config['environment'],
    network: read('NETWORK') || topic,
    stateDir,
    vaultDir,
    sentinelDir,
    logLevel: read('LOG_LEVEL') as Config['logLevel'],
    logFormat: logFormat as Config['logFormat'],
    metrics: read('METRICS') ?? true,
    api: {
      enabled: serves,
      host,
      port: read('API_PORT'),
      token,
      corsOrigins: read('CORS_ORIGINS'),
      allowedHosts: read('ALLOWED_HOSTS'),
      trustedProxies: read('TRUSTED_PROXIES'),
      publicSync: read('PUBLIC_SYNC') ?? false,
      legacySwitch: read('LEGACY_SWITCH') as Config['api']['legacySwitch'],
    },
    key:
      seedHex === undefined
        ? { source: 'file', path: keyFile || join(stateDir, 'node.key') }
        : { source: 'environment', seedHex },
    p2p: { enabled: p2pEnabled, listen, bootstrap, topic, mdns, open },
    http: { nodes: read('LATTICE_NODES'), pollIntervalMs: read('HTTP_POLL_INTERVAL') },
    heartbeatIntervalMs,
    peerlessTimeoutMs,
    trusted: read('TRUSTED_STATE_PUBKEYS'),
    settings: VARIABLES.map((variable) => settingOf(variable, settings)),
    warnings,
  };
  if (problems.length > 0) throw invalidConfig(problems);
  return deepFreeze({ ...config, violations: violationsOf(config) });
}
