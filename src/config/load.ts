import { join } from 'node:path';
import { MAX_CONTENT_BYTES } from '../core/vault/index.ts';
import { type Environment, readSettings, type Settings } from './environment.ts';
import { flawOfPublicKey } from './expected-key.ts';
import { findLegacy, ownStateDir } from './legacy.ts';
import type { Config, ConfigSetting } from './model.ts';
import { invalidConfig, type Problem, problemLine, shownValue } from './problems.ts';
import { type Context, PARSERS, type Values } from './values.ts';
import { namesOf, PREFIX, type Variable } from './variable.ts';
import { type KindOf, VARIABLES, type VariableName } from './variables.ts';
import { isWildcard, violationsOf } from './violations.ts';

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
 * wrong is thrown as one error. What is wrong with the P2P settings alone is thrown for none: it is in `p2p.flaws`.
 *
 * @throws `invalid-config`, whose `details.problems` is a list of `Problem`s: `{ variable, value, rule, fix }`
 * @example
 * const config = loadConfig({ env: process.env, envFile: 'node.env', cwd: process.cwd() });
 * const node = await startNode({ config, logger: 'stdout' });
 */
export function loadConfig(options: LoadOptions): Config {
  return usable(inspectConfig(options));
}

/** A configuration, and what is wrong with it. With any problem, the values of those variables mean nothing. */
export interface Inspection {
  readonly config: Config;
  readonly problems: readonly Problem[];
  /** What is wrong with the P2P settings alone, whether P2P is on or off. */
  readonly p2pProblems: readonly Problem[];
}

/** Loads a configuration as `loadConfig` does, whatever is wrong with it. */
export function inspectConfig(options: LoadOptions): Inspection {
  const problems: Problem[] = [];
  const { cwd, terminal = false } = options;
  return configOf(readSettings(options, problems), problems, {
    cwd,
    terminal,
    serves: true,
    keeps: true,
    p2pFails: 'lung',
  });
}

/** The variables that problems are about. */
export function flawedBy(problems: readonly Problem[]): ReadonlySet<VariableName> {
  const names = new Set(problems.map(({ variable }) => variable));
  return new Set(
    VARIABLES.flatMap((variable: Variable) =>
      namesOf(variable).some((name) => names.has(name)) ? [variable.name as VariableName] : [],
    ),
  );
}

/** Every name under which a variable may stand. A problem under another one is about the env file as a whole. */
const NAMES: ReadonlySet<string> = new Set(VARIABLES.flatMap((variable: Variable) => namesOf(variable)));

/** Whether all that is wrong is about single variables, so that the rest of the configuration is what was meant. */
export const wasRead = (problems: readonly Problem[]): boolean => problems.every(({ variable }) => NAMES.has(variable));

/** The configuration of an inspection. Throws LatticeError `invalid-config` with everything that is wrong. */
export function usable({ config, problems }: Pick<Inspection, 'config' | 'problems'>): Config {
  if (problems.length === 0) return config;
  // What follows from defaults says nothing about a file that could not be read.
  if (!wasRead(problems)) throw invalidConfig(problems);
  throw invalidConfig(problems, { p2p: config.p2p.flaws, violations: config.violations, warnings: config.warnings });
}

/** The variables of which a flaw keeps the P2P lung from running, and nothing else. The topic names the network, too. */
const P2P_ALONE: ReadonlySet<VariableName> = new Set([
  'P2P_ENABLED',
  'P2P_LISTEN',
  'P2P_BOOTSTRAP',
  'P2P_MDNS',
  'P2P_OPEN',
]);

/**
 * Makes a configuration of the texts of variables, wherever they come from. `cwd` is the base of the default paths,
 * `serves` tells whether the node has an API, `keeps` whether it has a vault, and `p2pFails` what a flaw in the P2P
 * settings keeps from starting. `problems` has what is wrong already.
 */
export function configOf(
  settings: Settings,
  problems: Problem[],
  {
    cwd,
    terminal,
    serves,
    keeps,
    p2pFails,
  }: {
    readonly cwd: string;
    readonly terminal: boolean;
    readonly serves: boolean;
    readonly keeps: boolean;
    readonly p2pFails: 'lung' | 'node';
  },
): Inspection {
  const p2pProblems: Problem[] = [];
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
    const list = p2pFails === 'lung' && P2P_ALONE.has(name) ? p2pProblems : problems;
    const problemOf = (value: string, flaw: Pick<Problem, 'rule' | 'fix'>): Problem => ({
      variable: found?.name ?? `DIOTEC360_${name}`,
      value: shownValue(value, variable.secret === true),
      ...flaw,
    });
    const context: Context = {
      variable,
      base: found?.base ?? cwd,
      reject: (value, flaw) => void list.push(problemOf(value, flaw)),
      leaveOut: (value, flaw) => void warnings.push(`It is left out: ${problemLine(problemOf(value, flaw))}.`),
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

  const namedStateDir = read('STATE_DIR');
  const vaultDir = read('VAULT_DIR');
  const sentinelDir = read('SENTINEL_DIR');
  if (vaultDir === namedStateDir) reject('VAULT_DIR', 'it is the state directory too', 'give each its own directory');
  if (sentinelDir === namedStateDir || sentinelDir === vaultDir) {
    reject('SENTINEL_DIR', 'it is the state or vault directory too', 'give each its own directory');
  }
  const legacy = findLegacy({ STATE_DIR: namedStateDir, VAULT_DIR: vaultDir, SENTINEL_DIR: sentinelDir });
  const stateDir = ownStateDir(namedStateDir, legacy);

  const seedHex = read('NODE_PRIVKEY_HEX');
  const keyFile = read('KEY_FILE');
  if (seedHex !== undefined && keyFile !== '') {
    reject('NODE_PRIVKEY_HEX', 'a key and a key file are both set', 'unset NODE_PRIVKEY_HEX or KEY_FILE');
  }
  const key: Config['key'] =
    seedHex === undefined
      ? { source: 'file', path: keyFile || join(stateDir, 'node.key') }
      : { source: 'environment', seedHex };
  const expected = read('NODE_PUBKEY_HEX');
  const flaw = expected === undefined ? undefined : flawOfPublicKey(expected, key);
  if (flaw !== undefined) reject('NODE_PUBKEY_HEX', flaw.rule, flaw.fix);

  const token = read('API_TOKEN');
  const readToken = read('READ_TOKEN');
  if (readToken !== undefined && readToken === token)
    reject('READ_TOKEN', 'it is the API token, so that whoever reads could write', 'give it a value of its own');
  if (readToken !== undefined && read('PUBLIC_SYNC') === true)
    reject('READ_TOKEN', 'PUBLIC_SYNC lets anyone read the whole state', 'unset one of the two');
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
  const switched = read('P2P_ENABLED');
  const isFlawed = (name: VariableName): boolean =>
    p2pProblems.some(({ variable }) => namesOf(variableOf(name)).includes(variable));
  // Where the switch cannot be read, or all addresses are flawed, somebody wanted P2P.
  const p2pEnabled = isFlawed('P2P_ENABLED') || (switched ?? wantsP2p());
  const flaws = p2pProblems.map((problem) => `${problemLine(problem)}.`);
  if (!p2pEnabled) for (const text of flaws) warnings.push(`P2P is off, and could not run: ${text}`);
  if (flaws.length === 0 && p2pEnabled && listen.length === 0 && bootstrap.length === 0) {
    warnings.push('P2P is enabled but neither listens nor dials: set DIOTEC360_P2P_LISTEN or DIOTEC360_P2P_BOOTSTRAP.');
  }

  const heartbeatIntervalMs = read('HEARTBEAT_INTERVAL');
  const peerlessTimeoutMs = read('PEERLESS_TIMEOUT');
  if (peerlessTimeoutMs <= heartbeatIntervalMs) {
    warnings.push(
      'PEERLESS_TIMEOUT is not above HEARTBEAT_INTERVAL: a quiet peer looks lost between two heartbeats. Set DIOTEC360_PEERLESS_TIMEOUT to three heartbeats or more.',
    );
  }

  function wantsP2p(): boolean {
    return listen.length > 0 || bootstrap.length > 0 || isFlawed('P2P_LISTEN') || isFlawed('P2P_BOOTSTRAP');
  }
  function vaultStore(): Config['vault']['store'] {
    const place = read('VAULT_STORE');
    // The variables of a bucket are those of other programs too, so that they are looked at only where there is one.
    if (place.kind !== 's3') return place;
    const [accessKeyId, secretAccessKey] = [read('S3_ACCESS_KEY_ID'), read('S3_SECRET_ACCESS_KEY')];
    if (accessKeyId === '' || secretAccessKey === '')
      reject('VAULT_STORE', 'no key is set for the bucket', 'set S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY');
    const [region, sessionToken] = [read('S3_REGION'), read('S3_SESSION_TOKEN')];
    const isAws = settings.find(variableOf('S3_ENDPOINT')) === undefined;
    return {
      ...place,
      endpoint: isAws && region !== 'us-east-1' ? `https://s3.${region}.amazonaws.com` : read('S3_ENDPOINT'),
      region,
      accessKeyId,
      secretAccessKey,
      ...(sessionToken === '' ? {} : { sessionToken }),
    };
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
    vault: {
      enabled: keeps,
      policy: read('VAULT_POLICY') as Config['vault']['policy'],
      maxObjectBytes: read('VAULT_MAX_BYTES') ?? MAX_CONTENT_BYTES,
      capacityBytes: read('VAULT_CAPACITY'),
      store: vaultStore(),
    },
    legacy,
    importLegacy: read('IMPORT_LEGACY') as Config['importLegacy'],
    logLevel: read('LOG_LEVEL') as Config['logLevel'],
    logFormat: logFormat as Config['logFormat'],
    metrics: read('METRICS') ?? true,
    api: {
      enabled: serves,
      host,
      port: read('API_PORT'),
      token,
      readToken,
      corsOrigins: read('CORS_ORIGINS'),
      allowedHosts: read('ALLOWED_HOSTS'),
      trustedProxies: read('TRUSTED_PROXIES'),
      publicSync: read('PUBLIC_SYNC') ?? false,
      legacySwitch: read('LEGACY_SWITCH') as Config['api']['legacySwitch'],
    },
    key,
    p2p: { enabled: p2pEnabled, listen, bootstrap, topic, mdns, open, flaws: p2pEnabled ? flaws : [] },
    safeMode: read('SAFE_MODE') ?? false,
    http: { nodes: read('LATTICE_NODES'), pollIntervalMs: read('HTTP_POLL_INTERVAL') },
    announce: read('ANNOUNCE'),
    heartbeatIntervalMs,
    peerlessTimeoutMs,
    trusted: read('TRUSTED_STATE_PUBKEYS'),
    settings: VARIABLES.map((variable) => settingOf(variable, settings)),
    warnings,
  };
  return {
    config: deepFreeze({ ...config, violations: violationsOf(config, flawedBy(problems)) }),
    problems,
    p2pProblems,
  };
}
