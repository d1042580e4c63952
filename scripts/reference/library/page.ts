import { SETTING_FIELDS, type SettingField, type SettingName } from '../../../src/config/node-settings.ts';
import { PREFIX, type Variable } from '../../../src/config/variable.ts';
import { VARIABLES } from '../../../src/config/variables.ts';
import { anchorOf, code, page, table } from '../markdown.ts';
import type { Callable, Entry, Exported, Property } from './read.ts';

type Shape = Extract<Exported, { kind: 'interface' | 'class' }>;

/** Makes the page of an entry point: what can be called first, then the types in the order of the alphabet. */
export function exportsPage({ imported, title, intro }: Entry, exports: readonly Exported[]): string {
  const functions = exports.filter((one) => one.kind === 'function');
  const faces = exports.filter((one): one is Shape => isShape(one) && one.methods.length > 0);
  const types = exports
    .filter((one) => one.kind !== 'function' && !(isShape(one) && one.methods.length > 0))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const headings = new Set([...faces, ...types].filter(({ kind }) => kind !== 'schema').map(({ name }) => name));
  const schemas = new Set(exports.filter(({ kind }) => kind === 'schema').map(({ name }) => name));
  const linked = (text: string): string => withLinks(text, headings, schemas);
  const values = exports.filter(({ kind }) => kind === 'function' || kind === 'class').map(({ name }) => name);
  const importsOf = (example: string): string => {
    const used = values.filter((name) => new RegExp(`\\b${name}\\b`).test(example));
    return `import { ${used.join(', ')} } from '${imported}';\n\n`;
  };
  return page(title, [
    intro,
    table(
      ['Import', 'What it is'],
      [...functions, ...faces].map((one) => [linkTo(one.name, one.kind === 'function'), firstSentence(one.doc.text)]),
    ),
    `What rejects or throws does so with a [LatticeError](#latticeerror); its codes are those of the [failure handbook](../failures.md).`,
    '## Functions',
    ...functions.flatMap((one) => callableBlocks(`${one.name}()`, one, linked, importsOf)),
    ...faces.flatMap((face) => [
      `## ${face.name}`,
      basesOf(face, linked),
      face.doc.text,
      propertiesTable(face, linked),
      ...face.methods.flatMap((method) => callableBlocks(`${face.name}.${method.name}()`, method, linked, () => '')),
    ]),
    '## Types',
    ...types.flatMap((one) => typeBlocks(one, linked)),
  ]);
}

const isShape = (one: Exported): one is Shape => one.kind === 'interface' || one.kind === 'class';

function linkTo(name: string, isFunction: boolean): string {
  const heading = isFunction ? `${name}()` : name;
  return `[\`${heading}\`](#${anchorOf(heading)})`;
}

function firstSentence(text: string): string {
  const [sentence = ''] = /^.*?[.:](?=\s|$)/s.exec(text.split('\n\n')[0] ?? '') ?? [text];
  return sentence.replace(/:$/, '.');
}

function callableBlocks(
  heading: string,
  { signature, doc }: Pick<Callable, 'signature' | 'doc'>,
  linked: (text: string) => string,
  importsOf: (example: string) => string,
): readonly string[] {
  const example = doc.example?.replaceAll(/^```\w*\n|\n```$/g, '') ?? '';
  const named = namesIn(signature, linked);
  return [
    `### ${heading}`,
    fenced(signature),
    doc.text,
    ...(doc.throws === undefined ? [] : [`**Errors:** ${asSentence(doc.throws)}`]),
    ...(named === '' ? [] : [named]),
    ...(example === '' ? [] : [fenced(importsOf(example) + example)]),
  ];
}

const fenced = (text: string): string => `\`\`\`ts\n${unindented(text)}\n\`\`\``;

/** Takes the indentation that all lines but the first have in common. */
function unindented(text: string): string {
  const [first = '', ...rest] = text.split('\n');
  const depths = rest.filter((line) => line.trim() !== '').map((line) => /^ */.exec(line)?.[0].length ?? 0);
  const depth = depths.length === 0 ? 0 : Math.min(...depths.filter((one) => one > 0), Number.MAX_SAFE_INTEGER);
  const closing = rest.at(-1)?.search(/\S/) ?? 0;
  const cut = Math.min(depth, closing < 0 ? depth : closing);
  return [first, ...rest.map((line) => line.slice(Math.min(cut, /^ */.exec(line)?.[0].length ?? 0)))].join('\n');
}

function asSentence(text: string): string {
  const capital = /^[a-z]/.test(text) ? text.charAt(0).toUpperCase() + text.slice(1) : text;
  return capital.endsWith('.') ? capital : `${capital}.`;
}

/** The types that a signature names, as links. */
function namesIn(signature: string, linked: (text: string) => string): string {
  const names = new Set(signature.match(/\b[A-Z]\w+\b/g) ?? []);
  const links = [...names].map((name) => linked(name)).filter((text) => text.startsWith('['));
  return links.length === 0 ? '' : `Types: ${links.join(', ')}.`;
}

/** A type as a cell shows it, in which the names that the page or that of the HTTP API has are links. */
function withLinks(text: string, headings: ReadonlySet<string>, schemas: ReadonlySet<string>): string {
  const parts = text.split(/\b([A-Z]\w+)\b/);
  return parts
    .map((part, i) => {
      if (i % 2 === 0) return part === '' ? '' : /^\s+$/.test(part) ? part : code(part);
      if (headings.has(part)) return `[\`${part}\`](#${anchorOf(part)})`;
      return schemas.has(part) ? `[\`${part}\`](http.md#${anchorOf(part)})` : code(part);
    })
    .join('')
    .replaceAll('``', '');
}

function basesOf({ bases }: Shape, linked: (text: string) => string): string {
  const shown = bases.filter((base) => base !== 'AsyncDisposable');
  return shown.length === 0 ? '' : `It has everything of ${shown.map(linked).join(', ')} too.`;
}

function propertiesTable({ name, properties }: Shape, linked: (text: string) => string): string {
  if (properties.length === 0) return '';
  if (['NodeSettings', 'ApiSettings', 'P2pSettings'].includes(name)) return settingsTable(name, properties, linked);
  return table(
    ['Property', 'Type', 'Meaning'],
    properties.map((one) => [code(one.name + (one.optional ? '?' : '')), typeOf(one, linked), one.doc.text]),
  );
}

const typeOf = ({ type, optional }: Property, linked: (text: string) => string): string =>
  linked(optional ? type.replace(/ \| undefined$/, '') : type);

/** The settings with what the table of the variables knows of them. */
function settingsTable(group: string, properties: readonly Property[], linked: (text: string) => string): string {
  const variables: ReadonlyMap<string, Variable> = new Map(VARIABLES.map((variable) => [variable.name, variable]));
  const prefix = group === 'ApiSettings' ? 'api.' : group === 'P2pSettings' ? 'p2p.' : '';
  return table(
    ['Field', 'Type', 'Default', 'Meaning', 'Variable'],
    properties.map((one) => {
      const full = prefix + one.name;
      const field = Object.hasOwn(SETTING_FIELDS, full) ? SETTING_FIELDS[full as SettingName] : undefined;
      const cells = [code(one.name + (one.optional ? '?' : '')), typeOf(one, linked)];
      if (field === undefined)
        return [...cells, one.name === 'peers' ? '' : '`false`', one.doc.text, OTHERS[one.name] ?? ''];
      const variable = variables.get(field.variable);
      return [...cells, defaultOf(field, variable), one.doc.text, code(PREFIX + field.variable)];
    }),
  );
}

/** The variables of the fields that stand for none, or for several. */
const OTHERS: Readonly<Record<string, string>> = {
  peers: `\`${PREFIX}LATTICE_NODES\`, \`${PREFIX}P2P_BOOTSTRAP\``,
  p2p: `\`${PREFIX}P2P_ENABLED\``,
};

function defaultOf(field: SettingField, variable: Variable | undefined): string {
  const text = field.default ?? variable?.default ?? '';
  if (text === '' || text.includes(' ')) return text;
  return code(field.form === 'ms' ? String(Number(text) * 1000) : text);
}

function typeBlocks(one: Exported, linked: (text: string) => string): readonly string[] {
  if (one.kind === 'schema') return [];
  const blocks = [`### ${one.name}`];
  if (isShape(one)) return [...blocks, basesOf(one, linked), one.doc.text, propertiesTable(one, linked)];
  if (one.kind === 'type') return [...blocks, one.doc.text, fenced(`type ${one.name} = ${one.source};`)];
  return one.kind === 'value' && one.type.length < 200
    ? [...blocks, one.doc.text, fenced(`const ${one.name}: ${one.type};`)]
    : [...blocks, one.doc.text];
}
