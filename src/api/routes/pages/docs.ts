/** The parts of an OpenAPI document that the page shows. */
export interface OpenApiDocument {
  readonly openapi: string;
  readonly info: { readonly title: string; readonly version: string; readonly description?: string };
  readonly paths: Readonly<Record<string, Readonly<Record<string, OpenApiOperation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

interface OpenApiOperation {
  readonly operationId?: string;
  readonly summary?: string;
  readonly description?: string;
  readonly tags?: readonly string[];
  readonly security?: readonly unknown[];
  readonly parameters?: readonly {
    readonly name: string;
    readonly in: string;
    readonly required?: boolean;
    readonly description?: string;
    readonly schema?: Schema;
  }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, Media>> };
  readonly responses: Readonly<
    Record<string, { readonly description: string; readonly content?: Readonly<Record<string, Media>> }>
  >;
}

interface Media {
  readonly schema?: Schema;
  readonly example?: unknown;
}

interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly additionalProperties?: Schema | boolean;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly default?: unknown;
}

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
/** Text as HTML, in which what stands in backticks is code. */
const prose = (text: string): string => escaped(text).replace(/`([^`]+)`/g, '<code>$1</code>');
const anchor = (text: string): string => text.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-');

/** The kind of a schema in a few words of HTML, as a link where the schema has a name of its own. */
function kindOf(schema: Schema | undefined): string {
  if (schema === undefined) return '';
  if (schema.$ref !== undefined) {
    const name = schema.$ref.split('/').at(-1) ?? '';
    return `<a href="#schema-${anchor(name)}">${escaped(name)}</a>`;
  }
  if (schema.const !== undefined) return `<code>${escaped(JSON.stringify(schema.const))}</code>`;
  if (schema.enum !== undefined)
    return schema.enum.map((value) => `<code>${escaped(String(value))}</code>`).join(' · ');
  if (schema.anyOf !== undefined) return schema.anyOf.map(kindOf).join(' or ');
  if (schema.items !== undefined) return `list of ${kindOf(schema.items)}`;
  if (typeof schema.additionalProperties === 'object') return `map to ${kindOf(schema.additionalProperties)}`;
  const bounds = schema.maximum === undefined ? '' : ` ${schema.minimum ?? 0}…${schema.maximum}`;
  const otherwise = schema.default === undefined ? '' : `, default ${escaped(JSON.stringify(schema.default))}`;
  return `${escaped([schema.type ?? 'any'].flat().join(' or '))}${bounds}${otherwise}`;
}

function tableOf(caption: string, rows: readonly (readonly string[])[]): string {
  const body = rows.map(
    ([head, ...cells]) => `<tr><th scope="row">${head}</th>${cells.map((c) => `<td>${c}</td>`).join('')}</tr>`,
  );
  return `<table><caption>${caption}</caption><tbody>${body.join('')}</tbody></table>`;
}

/** The rows of an object's fields. The fields of an object within it come after its own row, with their whole path. */
function fieldRows(schema: Schema, path = ''): string[][] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, field]) => {
    const optional = schema.required?.includes(name) === true ? '' : ' <span class="optional">optional</span>';
    const nested =
      field.properties === undefined ? (field.items?.properties === undefined ? undefined : field.items) : field;
    const kind = nested === undefined ? kindOf(field) : nested === field ? 'object' : 'list of objects';
    const row = [`<code>${escaped(path + name)}</code>${optional}`, kind, prose(field.description ?? '')];
    return [row, ...(nested === undefined ? [] : fieldRows(nested, `${path}${name}${nested === field ? '' : '[]'}.`))];
  });
}

function schemaFields(caption: string, schema: Schema): string {
  if (schema.anyOf !== undefined && schema.properties === undefined) {
    return schema.anyOf
      .map((one, i) => (one.properties === undefined ? '' : tableOf(`Form ${i + 1}`, fieldRows(one))))
      .join('');
  }
  return schema.properties === undefined ? '' : tableOf(caption, fieldRows(schema));
}

function bodyOf(body: OpenApiOperation['requestBody']): string {
  return Object.entries(body?.content ?? {})
    .map(([type, media]) => {
      const example =
        media.example === undefined ? '' : `<pre>${escaped(JSON.stringify(media.example, null, 2))}</pre>`;
      const schema = media.schema;
      const fields = schema === undefined ? '' : schemaFields('Fields of the body', schema);
      return `<h4>Body <small>${escaped(type)}</small></h4>${fields === '' && schema !== undefined ? `<p>${kindOf(schema)} ${prose(schema.description ?? '')}</p>` : fields}${example}`;
    })
    .join('');
}

function operationOf(path: string, method: string, operation: OpenApiOperation): string {
  const id = operation.operationId ?? `${method}-${path}`;
  const parameters = (operation.parameters ?? []).map((p) => [
    `<code>${escaped(p.name)}</code>${p.required === true ? '' : ' <span class="optional">optional</span>'}`,
    escaped(p.in),
    kindOf(p.schema),
    prose(p.description ?? ''),
  ]);
  const answers = Object.entries(operation.responses).map(([status, answer]) => [
    status,
    prose(answer.description),
    Object.entries(answer.content ?? {})
      .map(([type, media]) => `${kindOf(media.schema)} <small>${escaped(type)}</small>`)
      .join('<br>'),
  ]);
  const inline = Object.entries(operation.responses).flatMap(([status, answer]) =>
    Object.values(answer.content ?? {}).map((media) =>
      media.schema === undefined ? '' : schemaFields(`Fields of ${status}`, media.schema),
    ),
  );
  return `<article id="${anchor(id)}"><h3><span class="method">${method.toUpperCase()}</span> <code>${escaped(path)}</code></h3>
<p><strong>${prose(operation.summary ?? '')}</strong>${operation.security === undefined ? '' : ' <span class="token">token</span>'}</p>
${operation.description === undefined ? '' : `<p>${prose(operation.description)}</p>`}
${parameters.length === 0 ? '' : tableOf('Parameters', parameters)}${bodyOf(operation.requestBody)}${tableOf('Answers', answers)}${inline.join('')}</article>`;
}

/** The document as one HTML page. It has no script, and its only style sheet comes from the node itself. */
export function docsPage({ info, paths, components }: OpenApiDocument): string {
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      path,
      method,
      operation,
      tag: operation.tags?.[0] ?? 'other',
    })),
  );
  const tags = [...new Set(operations.map((o) => o.tag))];
  const contents = tags.map((tag) => {
    const links = operations
      .filter((o) => o.tag === tag)
      .map(
        (o) =>
          `<li><a href="#${anchor(o.operation.operationId ?? `${o.method}-${o.path}`)}"><span class="method">${o.method.toUpperCase()}</span> ${escaped(o.path)}</a></li>`,
      );
    return `<li><a href="#tag-${anchor(tag)}">${escaped(tag)}</a><ul>${links.join('')}</ul></li>`;
  });
  const sections = tags.map(
    (tag) =>
      `<section><h2 id="tag-${anchor(tag)}">${escaped(tag)}</h2>${operations
        .filter((o) => o.tag === tag)
        .map((o) => operationOf(o.path, o.method, o.operation))
        .join('')}</section>`,
  );
  const schemas = Object.entries(components.schemas).map(
    ([name, schema]) =>
      `<article id="schema-${anchor(name)}"><h3>${escaped(name)}</h3><p>${prose(schema.description ?? '')}</p>${schemaFields('Fields', schema)}</article>`,
  );
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(info.title)} API</title><link rel="stylesheet" href="docs/style.css"></head><body>
<a class="skip" href="#main">Skip to the reference</a>
<nav aria-label="Contents"><ul>${contents.join('')}<li><a href="#schemas">schemas</a></li></ul></nav>
<main id="main"><h1>${escaped(info.title)} API <small>${escaped(info.version)}</small></h1>
<p>${prose(info.description ?? '')}</p><p>The same for programs: <a href="openapi.json">openapi.json</a>.</p>
${sections.join('\n')}
<section><h2 id="schemas">schemas</h2>${schemas.join('\n')}</section></main></body></html>
`;
}

export const DOCS_STYLE = `:root{color-scheme:light dark;--ink:#1c2430;--soft:#5a6676;--line:#d9dfe7;--paper:#fff;--panel:#f5f7fa;--link:#0b57a4}
@media (prefers-color-scheme:dark){:root{--ink:#e4e9f0;--soft:#9aa7b8;--line:#313a46;--paper:#12161c;--panel:#1a2028;--link:#7db7f2}}
*{box-sizing:border-box}
body{margin:0;font:16px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);display:grid;grid-template-columns:19rem minmax(0,1fr)}
a{color:var(--link)}
nav{position:sticky;top:0;height:100vh;overflow:auto;padding:1rem;background:var(--panel);border-right:1px solid var(--line);font-size:.85rem}
nav ul{list-style:none;margin:0;padding:0}
nav li li{margin-left:.75rem;overflow-wrap:anywhere}
nav>ul>li{margin-bottom:.75rem}
main{padding:1.5rem 2rem;max-width:62rem}
h2{margin-top:3rem;border-bottom:1px solid var(--line);text-transform:capitalize}
article{margin:2rem 0;scroll-margin-top:1rem}
h3{overflow-wrap:anywhere}
code,pre,.method{font-family:ui-monospace,monospace;font-size:.9em}
pre{background:var(--panel);padding:.75rem;overflow:auto;border:1px solid var(--line);border-radius:4px}
table{border-collapse:collapse;width:100%;margin:1rem 0;font-size:.9rem}
caption{text-align:left;font-weight:600;padding:.25rem 0}
th,td{text-align:left;vertical-align:top;font-weight:400;border-top:1px solid var(--line);padding:.35rem .75rem .35rem 0;overflow-wrap:anywhere}
small,.optional{color:var(--soft);font-weight:400}
.token{border:1px solid var(--line);border-radius:4px;padding:0 .4rem;font-size:.8rem;color:var(--soft)}
.skip{position:absolute;left:-99rem}
.skip:focus{left:1rem;top:1rem;background:var(--paper);padding:.5rem}
@media (max-width:50rem){body{display:block}nav{position:static;height:auto;max-height:40vh}main{padding:1rem}}
`;
