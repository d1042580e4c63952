import { LatticeError } from '../core/types/index.ts';
import { localUrl } from '../core/wire/host.ts';
import { type ApiClient, createApiClient } from './client.ts';
import { type CliContext, type GlobalOptions, usageError } from './context.ts';
import { type FleetContext, readContexts, tokenOf } from './contexts.ts';
import { readVariables, type Setting } from './env-file.ts';

const DEFAULT_URL = 'http://127.0.0.1:8000';
/**
 * Makes a client for the node that the options and the environment name: options win over the environment, the
 * environment wins over the env file, and all of them win over the context in use. A context has a token of its own or
 * none, so that no node gets the token of another fleet.
 */
export async function connect(context: CliContext, options: GlobalOptions): Promise<ApiClient> {
  const timeoutMs = options.timeout * 1000;
  const fleet = await contextOf(context, options);
  if (fleet !== undefined)
    return createApiClient({ url: fleet.url, token: options.token ?? (await tokenOf(context, fleet)), timeoutMs });
  const setting = readVariables(context, options.envFile);
  const url = options.url ?? setting('URL') ?? (options.envFile === undefined ? DEFAULT_URL : urlOf(setting));
  return createApiClient({ url, token: options.token ?? setting('API_TOKEN') ?? setting('READ_TOKEN'), timeoutMs });
}

/**
 * Where the token of a command comes from when that is neither --token nor the env file, in words: a context, or the
 * environment.
 */
export async function tokenSourceOf(context: CliContext, options: GlobalOptions): Promise<string | undefined> {
  if (options.token !== undefined) return undefined;
  const fleet = await contextOf(context, options);
  if (fleet !== undefined)
    return fleet.tokenFile === undefined ? undefined : `${fleet.tokenFile}, which the context names`;
  const setting = readVariables(context, undefined);
  if ((setting('API_TOKEN') ?? setting('READ_TOKEN')) === undefined) return undefined;
  return `the environment${options.envFile === undefined ? '' : ', which wins over the env file'}`;
}

/**
 * The context that --context names, or the one in use where nothing else names a node. Rejects with LatticeError
 * `usage` or `no-context`.
 */
export async function contextOf(context: CliContext, options: GlobalOptions): Promise<FleetContext | undefined> {
  const name = options.context;
  if (name !== undefined && (options.url !== undefined || options.envFile !== undefined)) {
    throw usageError(
      '--context excludes --url and --env-file',
      'A context names its node: lattice context ls shows it.',
    );
  }
  if (name === undefined && (options.url ?? options.envFile ?? readVariables(context, undefined)('URL')) !== undefined)
    return undefined;
  const { current, contexts } = await readContexts(context.env);
  const chosen = name ?? current;
  if (chosen === undefined) return undefined;
  const found = contexts.get(chosen);
  if (found === undefined) {
    throw new LatticeError('no-context', `there is no context ${JSON.stringify(chosen)}`, {
      next: 'See lattice context ls, or make it: lattice context add NAME --url URL.',
    });
  }
  return found;
}

/** The URL at which a node with these settings answers on its own machine. */
function urlOf(setting: Setting): string {
  return localUrl(setting('API_HOST') || '127.0.0.1', setting('API_PORT') || '8000');
}
