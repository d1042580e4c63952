export type { ApiConfig, ApiDeps, ApiLog, ApiMetrics, ApiTimes, ReloadReport } from './http/deps.ts';
export type { ResourceView } from './http/sources.ts';
export { metricsText } from './routes/pages/metrics.ts';
export { type Api, createApi } from './server.ts';
