import { type ClientOptions, createClient, type LatticeClient } from '../client/index.ts';
import { httpFetch } from './http-fetch.ts';

/** The client of one node that commands use. */
export interface ApiClient extends LatticeClient {
  /** Whether requests carry a token. */
  readonly hasToken: boolean;
}

export interface ApiClientOptions extends Required<Pick<ClientOptions, 'url' | 'timeoutMs'>> {
  readonly token: string | undefined;
}

/** Throws LatticeError `usage` when `url` is not a URL, and when no request can carry `token`. */
export function createApiClient(options: ApiClientOptions): ApiClient {
  return { ...createClient({ ...options, fetch: httpFetch }), hasToken: options.token !== undefined };
}
