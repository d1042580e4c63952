export { createHttpLung, type HttpLungDeps } from './http-lung.ts';
