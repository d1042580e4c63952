import { isIPv6 } from 'node:net';
import type { Config } from './model.ts';
import type { VariableName } from './variables.ts';

/** Whether a bind address means every interface. */
export function isWildcard(host: string): boolean {
  if (host === '0.0.0.0') return true;
  if (!isIPv6(host) || host.includes('%')) return false;
  const { hostname } = new URL(`http://[${host}]`); // the shortest form of the address
  return hostname === '[::]' || hostname === '[::ffff:0:0]';
}

type Judged = Omit<Config, 'violations'>;

interface Rule {
  /** What breaks it. */
  readonly text: string;
  /** What ends that. */
  readonly fix: string;
  /** Nothing is said of a variable that is `flawed`, because its value is not known. */
  isBroken(config: Judged, flawed: ReadonlySet<VariableName>): boolean;
}

/** What a node must not be configured to do in production. The reference of the configuration lists these. */
export const PRODUCTION_RULES: readonly Rule[] = [
  {
    text: 'CORS is open to every origin (*)',
    fix: 'list the origins that may call the API in DIOTEC360_CORS_ORIGINS, or leave it out where no other page does',
    // The original objects to a missing list as well, because there it means every origin. Here it means none.
    isBroken: ({ api }) => api.enabled && api.corsOrigins.includes('*'),
  },
  {
    text: 'P2P is enabled without the address of any peer',
    fix: 'name one in DIOTEC360_P2P_BOOTSTRAP, or set DIOTEC360_P2P_ENABLED=false',
    isBroken: ({ p2p }) => p2p.enabled && p2p.bootstrap.length === 0 && p2p.flaws.length === 0,
  },
  {
    text: 'No trusted keys are set',
    fix: 'list the public keys of the nodes, this one included, in DIOTEC360_TRUSTED_STATE_PUBKEYS',
    isBroken: ({ trusted }, flawed) => trusted.length === 0 && !flawed.has('TRUSTED_STATE_PUBKEYS'),
  },
  {
    text: 'The API is bound to all interfaces without a token',
    fix: 'set DIOTEC360_API_TOKEN, or DIOTEC360_API_HOST=127.0.0.1',
    isBroken: ({ api }, flawed) =>
      api.enabled && isWildcard(api.host) && api.token === undefined && !flawed.has('API_TOKEN'),
  },
];

/** What makes the node read-only, each as a sentence that names the fix: safe mode, and the rules for production. */
export function violationsOf(config: Judged, flawed: ReadonlySet<VariableName> = new Set()): string[] {
  const safeMode = config.safeMode
    ? ['Safe mode is asked for by DIOTEC360_SAFE_MODE: take it out of the configuration to have the node write.']
    : [];
  const broken = PRODUCTION_RULES.filter(
    (rule) => config.environment === 'production' && rule.isBroken(config, flawed),
  );
  return [...safeMode, ...broken.map(({ text, fix }) => `${text}: ${fix}.`)];
}
