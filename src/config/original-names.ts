const ELSEWHERE = 'it belongs to a part of the original that is not here';

/** The original's variables of which a node has no use, without their prefix, and what does their work here. */
const UNUSED: Readonly<Record<string, string>> = {
  API_DOMAIN: 'DIOTEC360_ALLOWED_HOSTS names the hosts that are answered',
  API_WORKERS: 'one process serves the API',
  APP_DOMAIN: 'DIOTEC360_CORS_ORIGINS names the pages that may call the API',
  DATABASE_URL: 'the store is in DIOTEC360_STATE_DIR',
  DEBUG: 'DIOTEC360_LOG_LEVEL=debug has the node log more',
  DOMAIN: 'DIOTEC360_ALLOWED_HOSTS names the hosts that are answered',
  ENABLE_CONSENSUS: ELSEWHERE,
  ENABLE_CORS: 'DIOTEC360_CORS_ORIGINS names the pages that may call the API',
  ENABLE_METRICS: 'DIOTEC360_METRICS switches /metrics',
  ENABLE_MOE: ELSEWHERE,
  ENABLE_TELEMETRY: ELSEWHERE,
  MAX_CONCURRENT_REQUESTS: 'the limits of the API are fixed',
  METRICS_PORT: 'the API itself serves /metrics',
  NODE_LOCATION: 'DIOTEC360_NODE_ROLE is shown',
  OFFLINE: ELSEWHERE,
  REDIS_URL: ELSEWHERE,
  REQUEST_TIMEOUT: 'the limits of the API are fixed',
  SECRET_KEY: 'the token of writes is DIOTEC360_API_TOKEN',
  TELEMETRY_DIR: 'the directory of the audit record is DIOTEC360_SENTINEL_DIR',
  TEST_MODE: ELSEWHERE,
  Z3_MAX_MEMORY: ELSEWHERE,
  Z3_TIMEOUT: ELSEWHERE,
};

/** What does the work of a variable of the original that a node has no use for; undefined for every other name. */
export function whatReplaces(bareName: string): string | undefined {
  return Object.hasOwn(UNUSED, bareName) ? UNUSED[bareName] : undefined;
}
