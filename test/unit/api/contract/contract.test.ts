import { Validator } from '@seriousme/openapi-schema-validator';
import Schema from 'typebox/schema';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CONTRACT, type RouteContract } from '../../../../src/api/contract/index.ts';
import { type LiveNode, startLiveNode } from '../live-node.ts';
import { ask, auth, startApi } from '../support.ts';

type Json = Record<string, unknown>;
interface Media {
  readonly schema?: Json;
}
interface Document {
  readonly openapi: string;
  readonly paths: Record<
    string,
    Record<
      string,
      { operationId: string; security?: unknown; responses: Record<string, { content?: Record<string, Media> }> }
    >
  >;
  readonly components: { readonly schemas: Json };
}

const openApiPath = (path: string): string => path.replaceAll(/:(\w+)/g, '{$1}').replace('*', '{file}');

/** The same schema, but nothing beyond what it names may be there: what a node answers must be documented. */
function strict(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(strict);
  if (typeof schema !== 'object' || schema === null) return schema;
  const inner = Object.fromEntries(Object.entries(schema).map(([name, part]) => [name, strict(part)]));
  return 'properties' in inner && !('additionalProperties' in inner)
    ? { ...inner, additionalProperties: false }
    : inner;
}

function pathOf({ path, example }: RouteContract): string {
  const filled = path.replaceAll(/[:](\w+)|\*/g, (whole, name?: string) =>
    encodeURIComponent(example.params?.[name ?? whole] ?? ''),
  );
  const query = new URLSearchParams(
    Object.entries(example.query ?? {}).map(([k, v]): [string, string] => [k, String(v)]),
  ).toString();
  return query === '' ? filled : `${filled}?${query}`;
}

let node: LiveNode;
let document: Document;
beforeAll(async () => {
  node = await startLiveNode({ PUBLIC_SYNC: 'true' });
  document = (await ask(node.url, '/openapi.json')).json() as unknown as Document;
});
afterAll(() => node.end());

describe('the document', () => {
  it('is valid OpenAPI 3.1 [A14]', async () => {
    const validator = new Validator();
    const result = await validator.validate(structuredClone(document) as never);
    expect(result.errors ?? []).toEqual([]);
    expect([result.valid, document.openapi]).toEqual([true, '3.1.0']);
  });

  it('describes every route that there is, and none that there is not [A14]', async () => {
    const { routes } = await startApi({ complete: true, config: { publicSync: true } });
    const known = new Set(CONTRACT.map((route) => `${route.method} ${route.path}`));
    const served = routes.filter((route) => !route.startsWith('HEAD ') || known.has(route));
    expect(served.filter((route) => !known.has(route))).toEqual([]);
    const documented = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((m) => `${m.toUpperCase()} ${path}`),
    );
    const live = (await startApi({ complete: true, config: { publicSync: true } })).routes.filter(
      (route) => !route.startsWith('HEAD '),
    );
    for (const route of live) expect(documented).toContain(openApiPath(route));
    expect(new Set(CONTRACT.map((route) => route.id)).size).toBe(CONTRACT.length);
  });

  it('lists the routes in the order of the contract: those of the state first, the original ones last [A14]', async () => {
    const order = [...new Set(CONTRACT.map(({ path }) => openApiPath(path)))];
    expect(Object.keys(document.paths)).toEqual(order.filter((path) => document.paths[path] !== undefined));
    const page = (await ask(node.url, '/docs')).text;
    const sections = [...page.matchAll(/<h2 id="tag-([a-z0-9-]+)">/g)].map(([, tag]) => tag);
    expect([sections[0], sections.at(-1)]).toEqual(['state', 'original']);
  });

  it('has only names of which generators make names of their languages, and none that they make themselves [A14]', () => {
    const schemas = Object.keys(document.components.schemas);
    const operations = CONTRACT.map(({ id }) => id);
    for (const name of [...schemas, ...operations]) expect(name).toMatch(/^[A-Za-z][A-Za-z0-9]*$/);
    for (const path of Object.keys(document.paths)) expect(path).toMatch(/^(?:\/(?:[\w.-]+|\{[a-z]\w*\}))*\/?$/i);
    // Types of one operation, as orval, hey-api and swagger-typescript-api name them.
    const suffixes = ['', 'Result', 'Response', 'Responses', 'Data', 'Params', 'Body', 'Error', 'Errors', 'Payload'];
    const made = operations.flatMap((id) => suffixes.map((s) => `${id[0]?.toUpperCase() ?? ''}${id.slice(1)}${s}`));
    expect(schemas.filter((name) => made.includes(name))).toEqual([]);
  });

  it('and its page hold below the base path of a proxy [A14]', async () => {
    const { ask } = await startApi();
    const { servers } = (await ask('/openapi.json')).json();
    expect(servers).toEqual([{ url: '.' }]);
    const page = (await ask('/docs')).text;
    expect(Array.from(page.matchAll(/(?:href|src)="([^"#]+)"/g), ([, target]) => target)).toEqual([
      'docs/style.css',
      'openapi.json',
    ]);
  });

  it('says which routes need the token [A9, A14]', () => {
    for (const route of CONTRACT) {
      const operation = document.paths[openApiPath(route.path)]?.[route.method.toLowerCase()];
      expect([route.id, operation?.security !== undefined]).toEqual([route.id, route.token === true]);
    }
  });
});

describe('examples', () => {
  it('of parameters and bodies stand in the document [A14]', () => {
    const operation = document.paths['/api/v1/sync/mode']?.['post'] as unknown as {
      requestBody: { content: Record<string, { example: unknown }> };
    };
    expect(operation.requestBody.content['application/json']?.example).toEqual({
      mode: 'auto',
      reason: 'maintenance is over',
    });
    const read = document.paths['/api/v1/state/{key}']?.['get'] as unknown as {
      parameters: { name: string; example: unknown }[];
    };
    expect(read.parameters.find((p) => p.name === 'key')?.example).toBe('greeting');
  });

  const streams = new Set(['events', 'eventsOverWebSocket', 'syncStream']);
  it.each(CONTRACT.filter((route) => !streams.has(route.id)).map((route) => [route.id, route] as const))(
    '%s is answered as documented [A14]',
    async (_id, route) => {
      await ask(node.url, '/api/v1/state/greeting', {
        method: 'PUT',
        headers: { ...auth, 'content-type': 'application/json' },
        body: '"hello"',
      });
      const { example, token } = route;
      const answer = await ask(node.url, pathOf(route), {
        method: route.method,
        headers: {
          ...(token === true ? auth : {}),
          ...(example.body === undefined ? {} : { 'content-type': 'application/json' }),
          ...example.headers,
        },
        ...(example.body === undefined ? {} : { body: JSON.stringify(example.body) }),
      });
      const responses = document.paths[openApiPath(route.path)]?.[route.method.toLowerCase()]?.responses ?? {};
      const [documented] = Object.entries(responses).filter(([status]) => status === String(answer.status));
      expect(documented, `${answer.status} ${answer.text.slice(0, 300)}`).toBeDefined();
      const media = Object.entries(documented?.[1].content ?? {});
      if (media.length === 0) return expect(answer.text).toBe('');
      const type = String(answer.headers['content-type']).split(';')[0];
      const schema = media.find(([name]) => name === type)?.[1].schema;
      if (type?.endsWith('json') !== true) return;
      const validator = Schema.Compile(
        strict({ components: document.components, ...(schema ?? media[0]?.[1].schema) }) as never,
      );
      const documents =
        type === 'application/x-ndjson'
          ? answer.text
              .trimEnd()
              .split('\n')
              .map((line) => JSON.parse(line) as unknown)
          : [answer.json()];
      for (const one of documents) {
        const [, errors] = validator.Errors(one);
        expect(errors).toEqual([]);
      }
    },
  );
});

describe('readable reference', () => {
  it('has every operation, and neither script nor foreign address [A14]', async () => {
    const page = await ask(node.url, '/docs');
    expect(page.headers['content-type']).toBe('text/html; charset=utf-8');
    for (const { id, method, path } of CONTRACT) {
      if (document.paths[openApiPath(path)] === undefined) continue;
      expect(page.text, `${method} ${path}`).toContain(`id="${id.toLowerCase()}"`);
    }
    expect(page.text).not.toMatch(/<script|<style|style=|(?:src|href)="(?:https?:)?\/\//);
    expect(page.headers['content-security-policy']).toContain("default-src 'none'");
    const style = await ask(node.url, '/docs/style.css');
    expect(style.headers['content-type']).toBe('text/css; charset=utf-8');
  });
});

describe('validation', () => {
  it('names every place that is wrong [A10, A15]', async () => {
    const body = JSON.stringify({
      operations: [
        { op: 'patch', key: 'a' },
        { op: 'put', value: 1 },
      ],
      other: 1,
    });
    const answer = await ask(node.url, '/api/v1/commits', {
      method: 'POST',
      headers: { ...auth, 'content-type': 'application/json' },
      body,
    });
    expect([answer.status, answer.headers['content-type']]).toEqual([400, 'application/problem+json']);
    const { code, errors } = answer.json() as { code: string; errors: { in: string; pointer: string }[] };
    expect(code).toBe('invalid-body');
    expect(errors.map((e) => `${e.in} ${e.pointer}`).sort()).toEqual(
      ['body #/operations/0/op', 'body #/operations/1/key', 'body #/other'].sort(),
    );
  });

  it.each([
    ['/api/v1/state?limit=0', '#/limit'],
    ['/api/v1/state?limit=x', '#/limit'],
    ['/api/v1/history/a?limit=1001', '#/limit'],
    ['/api/v1/proof/a?at=now', '#/at'],
  ])('%s: the query is wrong at %s [A15]', async (path, pointer) => {
    const answer = await ask(node.url, path);
    expect([answer.status, answer.json()['code']]).toEqual([400, 'invalid-query']);
    expect(answer.json()['errors']).toEqual([expect.objectContaining({ in: 'query', pointer })]);
  });

  it('never turns what was sent into something else: a key that is a number is refused [A15]', async () => {
    const body = JSON.stringify({ operations: [{ op: 'put', key: 1, value: 1 }] });
    const answer = await ask(node.url, '/api/v1/commits', {
      method: 'POST',
      headers: { ...auth, 'content-type': 'application/json' },
      body,
    });
    expect([answer.status, answer.json()['errors']]).toEqual([
      400,
      [expect.objectContaining({ pointer: '#/operations/0/key' })],
    ]);
  });
});
