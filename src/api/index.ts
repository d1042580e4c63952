export type { ApiConfig, ApiDeps, ApiLog, ApiMetrics, ApiTimes, ReloadReport } from './http/deps.ts';
export { type Api, createApi } from './server.ts';
