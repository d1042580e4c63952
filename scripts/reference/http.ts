import type { OpenApiDocument } from '../../src/api/routes/pages/docs.ts';
import { anchorOf, code, page, table } from './markdown.ts';

type Operation = OpenApiDocument['paths'][string][string];
type Schema = OpenApiDocument['components']['schemas'][string];
type Content = NonNullable<Operation['responses'][string]['content']>;

interface Route {
  readonly heading: string;
  readonly anchor: string;
  readonly method: string;
  readonly path: string;
  readonly operation: Operation;
  readonly tag: string;
}

const LAST_TAGS: readonly string[] = ['sync protocol', 'original', 'about'];
const PROBLEM = 'application/problem+json';

/** Makes docs/reference/http.md, with every route of the document that a node serves at /openapi.json. */
export function httpPage(document: OpenApiDocument): string {
  const routes = routesOf(document);
  const tags = [...new Set(routes.map(({ tag }) => tag))];
  return page('HTTP API', [
    `${document.info.description ?? ''} A node serves the same for programs at \`/openapi.json\` and to read at \`/docs\`. 🔑 needs \`Authorization: Bearer <DIOTEC360_API_TOKEN>\`.`,
    ...tags.map(
      (tag) =>
        `**${tag}**: ${routes
          .filter((route) => route.tag === tag)
          .map(linkOf)
          .join(' · ')}`,
    ),
    '## Errors',
    'Statuses that a route names under "Errors" are answered with a [Problem](#problem) and mean the same everywhere. Codes and what to do about them: [failures](../failures.md).',
    table(['Status', 'Meaning'], errorsOf(routes)),
    ...tags.flatMap((tag) => [
      `## ${capital(tag)}`,
      ...routes.filter((route) => route.tag === tag).flatMap(routeBlocks),
    ]),
    '## Schemas',
    ...Object.entries(document.components.schemas).flatMap(([name, schema]) => [
      `### ${name}`,
      schema.description ?? '',
      fieldTable(schema),
    ]),
  ]);
}

function routesOf({ paths }: OpenApiDocument): readonly Route[] {
  const routes = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([verb, operation]) => {
      const method = verb.toUpperCase();
      const heading = `${method} ${path}`;
      return { heading, anchor: anchorOf(heading), method, path, operation, tag: operation.tags?.[0] ?? 'other' };
    }),
  );
  // Headings with the same anchor are told apart by a number.
  return sortedByTag(routes).map((route, i, all) => {
    const before = all.slice(0, i).filter(({ anchor }) => anchor === route.anchor).length;
    return before === 0 ? route : { ...route, anchor: `${route.anchor}-${before}` };
  });
}

/** Sorts routes by tag in the order of the document, with the tags that few clients need at the end. */
function sortedByTag(routes: readonly Route[]): readonly Route[] {
  const inOrder = [...new Set(routes.map(({ tag }) => tag))];
  const rank = (tag: string): number =>
    LAST_TAGS.includes(tag) ? inOrder.length + LAST_TAGS.indexOf(tag) : inOrder.indexOf(tag);
  return routes.toSorted((a, b) => rank(a.tag) - rank(b.tag));
}

const linkOf = ({ anchor, method, path }: Route): string => `[${method} ${code(path)}](#${anchor})`;

/** Rows of the statuses that come only with a problem document, and their meaning. */
function errorsOf(routes: readonly Route[]): readonly (readonly string[])[] {
  const meanings = new Map<string, string>();
  for (const { operation } of routes) {
    for (const [status, { description, content }] of Object.entries(operation.responses))
      if (isProblem(content)) meanings.set(status, description);
  }
  return [...meanings].sort(([a], [b]) => Number(a) - Number(b));
}

function isProblem(content: Content | undefined): boolean {
  return content !== undefined && Object.keys(content).join() === PROBLEM;
}

function routeBlocks({ heading, operation }: Route): readonly string[] {
  const about = `${operation.summary ?? ''}.${operation.security === undefined ? '' : ' 🔑'}${operation.description === undefined ? '' : ` ${operation.description}`}`;
  const answers = Object.entries(operation.responses).filter(([, { content }]) => !isProblem(content));
  const errors = Object.entries(operation.responses)
    .filter(([, { content }]) => isProblem(content))
    .map(([status]) => status);
  return [
    `### ${heading}`,
    about,
    parameterTable(operation),
    ...bodyBlocks(operation),
    [
      ...answers.map(
        ([status, { description, content }]) =>
          `- **${status}** ${description}${content === undefined ? '' : ` ${contentOf(content)}`}`,
      ),
      ...(errors.length === 0 ? [] : [`- Errors: ${errors.join(', ')}`]),
    ].join('\n'),
  ];
}

function parameterTable({ parameters = [] }: Operation): string {
  if (parameters.length === 0) return '';
  return table(
    ['Parameter', 'In', 'Form', 'Meaning'],
    parameters.map(({ name, in: place, required, schema, description }) => [
      named(name, required === true),
      place,
      kindOf(schema),
      description ?? '',
    ]),
  );
}

function bodyBlocks({ requestBody }: Operation): readonly string[] {
  return Object.entries(requestBody?.content ?? {}).flatMap(([type, { schema, example }]) => [
    `Body, ${code(type)}: ${schema === undefined ? '' : schema.properties === undefined ? kindOf(schema) : 'an object.'}`,
    schema === undefined ? '' : fieldTable(schema),
    example === undefined ? '' : `\`\`\`json\n${JSON.stringify(example)}\n\`\`\``,
  ]);
}

function contentOf(content: Content): string {
  return Object.entries(content)
    .map(([type, { schema }]) => {
      const kind =
        schema?.properties === undefined
          ? kindOf(schema)
          : `{ ${Object.keys(schema.properties).map(code).join(', ')} }`;
      return `${kind === '' ? '' : `${kind}, `}${code(type)}`;
    })
    .join('; ');
}

function fieldTable(schema: Schema): string {
  if (schema.anyOf !== undefined && schema.properties === undefined)
    return schema.anyOf.map(fieldTable).filter(Boolean).join('\n\nor\n\n');
  const rows = fieldRows(schema, '');
  return rows.length === 0 ? '' : table(['Field', 'Form', 'Meaning'], rows);
}

/** Rows of an object's fields, each with its path. A field that is an object is followed by its own fields. */
function fieldRows(schema: Schema, path: string): readonly (readonly string[])[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, field]) => {
    const listed = field.items?.properties === undefined ? undefined : field.items;
    const nested = field.properties === undefined ? listed : field;
    const kind = nested === undefined ? kindOf(field) : nested === field ? 'object' : 'list of objects';
    const row = [named(path + name, schema.required?.includes(name) === true), kind, field.description ?? ''];
    return [row, ...(nested === undefined ? [] : fieldRows(nested, `${path}${name}${nested === field ? '' : '[]'}.`))];
  });
}

/** The kind of a schema in a few words, with a link where it has a name of its own. */
function kindOf(schema: Schema | undefined): string {
  if (schema === undefined) return '';
  if (schema.$ref !== undefined) {
    const name = schema.$ref.split('/').at(-1) ?? '';
    return `[${name}](#${anchorOf(name)})`;
  }
  if (schema.const !== undefined) return code(JSON.stringify(schema.const));
  if (schema.enum !== undefined) return schema.enum.map((value) => code(String(value))).join(' ');
  if (schema.anyOf !== undefined) return schema.anyOf.map(kindOf).join(' or ');
  if (schema.items !== undefined) return `list of ${kindOf(schema.items)}`;
  if (typeof schema.additionalProperties === 'object') return `map to ${kindOf(schema.additionalProperties)}`;
  const bounds = schema.maximum === undefined ? '' : ` ${schema.minimum ?? 0} to ${schema.maximum}`;
  const otherwise = schema.default === undefined ? '' : `, default ${JSON.stringify(schema.default)}`;
  return `${[schema.type ?? 'any JSON'].flat().join(' or ')}${bounds}${otherwise}`;
}

const named = (name: string, required: boolean): string => `${code(name)}${required ? '' : ' *optional*'}`;

const capital = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
