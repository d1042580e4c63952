import type { FastifyInstance } from 'fastify';
import { DOCS_STYLE, docsPage, type OpenApiDocument } from './docs.ts';

/** Relative to the document, so that it holds below the base path of a proxy too. */
const SERVERS = [{ url: '.' }];

/**
 * `/openapi.json`, and `/docs` with the same for people (SPEC A14). Both are made from the routes at the first request
 * and then kept.
 */
export async function openApiRoutes(scope: FastifyInstance): Promise<void> {
  let document: { readonly json: string; readonly page: string } | undefined;
  const made = (): { readonly json: string; readonly page: string } => {
    if (document === undefined) {
      const { openapi, info, ...rest } = scope.swagger() as unknown as OpenApiDocument;
      const openApi = { openapi, info, servers: SERVERS, ...rest };
      document = { json: JSON.stringify(openApi), page: docsPage(openApi) };
    }
    return document;
  };
  scope.get('/openapi.json', async (_request, reply) =>
    reply.type('application/json; charset=utf-8').send(made().json),
  );
  scope.get('/docs', async (_request, reply) => reply.type('text/html; charset=utf-8').send(made().page));
  scope.get('/docs/style.css', async (_request, reply) => reply.type('text/css; charset=utf-8').send(DOCS_STYLE));
}
