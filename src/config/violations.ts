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

/**
 * What makes the node read-only, each as a sentence that names the fix: safe mode, and in production the guard. Nothing
 * is said of a variable that is `flawed`, because its value is not known.
 */
export function violationsOf(
  config: Omit<Config, 'violations'>,
  flawed: ReadonlySet<VariableName> = new Set(),
): string[] {
  const violations: string[] = [];
  if (config.safeMode) {
    violations.push(
      'Safe mode is asked for by DIOTEC360_SAFE_MODE: take it out of the configuration to have the node write.',
    );
  }
  if (config.environment !== 'production') return violations;
  const { enabled: serves } = config.api;
  // The original objects to a missing list as well, because there it means every origin. Here it means none.
  if (serves && config.api.corsOrigins.includes('*')) {
    violations.push(
      'CORS is open to every origin (*): list the origins that may call the API in DIOTEC360_CORS_ORIGINS, or leave it out where no other page does.',
    );
  }
  if (config.p2p.enabled && config.p2p.bootstrap.length === 0 && config.p2p.flaws.length === 0) {
    violations.push(
      'P2P is enabled without the address of any peer: name one in DIOTEC360_P2P_BOOTSTRAP, or set DIOTEC360_P2P_ENABLED=false.',
    );
  }
  if (config.trusted.length === 0 && !flawed.has('TRUSTED_STATE_PUBKEYS')) {
    violations.push(
      'No trusted keys are set: list the public keys of the nodes, this one included, in DIOTEC360_TRUSTED_STATE_PUBKEYS.',
    );
  }
  if (serves && isWildcard(config.api.host) && config.api.token === undefined && !flawed.has('API_TOKEN')) {
    violations.push(
      'The API is bound to all interfaces without a token: set DIOTEC360_API_TOKEN, or DIOTEC360_API_HOST=127.0.0.1.',
    );
  }
  return violations;
}
