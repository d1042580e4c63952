import type { FastifyInstance } from 'fastify';
import { CONTRACT } from '../../contract/index.ts';
import { DOCS_STYLE, docsPage, type OpenApiDocument } from './docs.ts';

/** Relative to the document, so that it holds below the base path of a proxy too. */
const SERVERS = [{ url: '.' }];

/** The place of each path in the contract, with its parameters as the document writes them. */
const PLACES = new Map(
  CONTRACT.map(
    ({ path }, place) => [path.replaceAll(/:(\w+)/g, '{$1}').replace('*', '{file}'), place] as const,
  ).toReversed(),
);

/**
 * The paths in the order of the contract, where the routes of this version of the API come first and those of the
 * original node last. The order in which they are registered means nothing to a reader.
 */
function inOrder(paths: OpenApiDocument['paths']): OpenApiDocument['paths'] {
  const placeOf = (path: string): number => PLACES.get(path) ?? PLACES.size;
  return Object.fromEntries(Object.entries(paths).toSorted(([a], [b]) => placeOf(a) - placeOf(b)));
}

/**
 * `/openapi.json`, and `/docs` with the same for people (SPEC A14). Both are made from the routes at the first request
 * and then kept.
 */
export async function openApiRoutes(scope: FastifyInstance): Promise<void> {
  let document: { readonly json: string; readonly page: string } | undefined;
  const made = (): { readonly json: string; readonly page: string } => {
    if (document === undefined) {
      const { openapi, info, paths, ...rest } = scope.swagger() as unknown as OpenApiDocument;
      const openApi = { openapi, info, servers: SERVERS, paths: inOrder(paths), ...rest };
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
