export type { ApiConfig, ApiDeps, ApiLog, ApiMetrics, ApiTimes } from './deps.ts';
export { type Api, createApi } from './server.ts';
