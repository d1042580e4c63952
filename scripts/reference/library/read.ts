import ts from 'typescript';
import { basesOf, exportsOf, isSource, ROOT } from './symbols.ts';

/** An entry point of the package, and the page that tells of it. */
export interface Entry {
  /** What programs import. */
  readonly imported: string;
  readonly source: string;
  readonly file: string;
  readonly title: string;
  readonly intro: string;
}

export const ENTRIES: readonly Entry[] = [
  {
    imported: 'diotec360-lattice',
    source: 'src/index.ts',
    file: 'library.md',
    title: 'Library',
    intro:
      'What `diotec360-lattice` exports: a whole node inside a program. How to use it: [embedding](../embedding.md).',
  },
  {
    imported: 'diotec360-lattice/client',
    source: 'src/client/index.ts',
    file: 'client.md',
    title: 'Client',
    intro:
      'What `diotec360-lattice/client` exports: a client of the HTTP API for Node.js 20 or later and for browsers.',
  },
  {
    imported: 'diotec360-lattice/audit',
    source: 'src/audit/index.ts',
    file: 'audit.md',
    title: 'Audit',
    intro:
      'What `diotec360-lattice/audit` exports: checks of proofs, certificates and commits without any node, also in browsers.',
  },
];

/** The docstring of a declaration, by its parts. Texts are Markdown. */
export interface Doc {
  readonly text: string;
  /** What it throws or rejects with. */
  readonly throws: string | undefined;
  /** A piece of a program. */
  readonly example: string | undefined;
}

/** A function, or a method of an interface or class. */
export interface Callable {
  readonly name: string;
  readonly signature: string;
  readonly doc: Doc;
}

export interface Property {
  readonly name: string;
  readonly type: string;
  readonly optional: boolean;
  readonly doc: Doc;
}

/** One exported name. */
export type Exported = { readonly name: string; readonly doc: Doc } & (
  | { readonly kind: 'function'; readonly signature: string }
  | {
      readonly kind: 'interface' | 'class';
      readonly bases: readonly string[];
      readonly methods: readonly Callable[];
      readonly properties: readonly Property[];
    }
  | { readonly kind: 'type'; readonly source: string }
  | { readonly kind: 'schema' }
  | { readonly kind: 'value'; readonly type: string }
);

/** Interfaces that a program implements: it is they that call them, and nothing has to be shown of a call. */
const GIVEN: ReadonlySet<string> = new Set(['Logger', 'Log', 'BodyReader', 'FetchAnswer', 'Hasher']);

/** The program of the entry points, with further files in memory by their absolute path. */
export function readProgram(roots: readonly string[], memory: ReadonlyMap<string, string> = new Map()): ts.Program {
  const path = `${ROOT}tsconfig.json`;
  const { config } = ts.readConfigFile(path, (file) => ts.sys.readFile(file)) as { config: object };
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, ROOT);
  const paths = Object.fromEntries(ENTRIES.map(({ imported, source }) => [imported, [`./${source}`]]));
  const all = { ...options, noEmit: true, incremental: false, paths, noUnusedLocals: false, noUnusedParameters: false };
  const host = ts.createCompilerHost(all, true);
  const { fileExists, readFile } = host;
  host.fileExists = (file) => memory.has(file) || fileExists(file);
  host.readFile = (file) => memory.get(file) ?? readFile(file);
  return ts.createProgram(
    roots.map((root) => (memory.has(root) ? root : ROOT + root)),
    all,
    host,
  );
}

/** Everything that an entry point exports, in the order of its source. */
export function readExports(program: ts.Program, { source }: Entry): readonly Exported[] {
  const checker = program.getTypeChecker();
  const text = program.getSourceFile(ROOT + source)?.text ?? '';
  // A value that "export type *" passes on is none for those who import it, and stands nowhere by its name.
  const isNamed = (name: string): boolean => new RegExp(`\\b${name}\\b`).test(text);
  const symbols = exportsOf(program, ROOT + source);
  const exported = new Set(symbols.values());
  return [...symbols].flatMap(([name, symbol]) => {
    const read = readSymbol(checker, name, symbol, exported);
    return read === undefined || (read.kind === 'value' && !isNamed(read.name)) ? [] : read;
  });
}

/** Whether it is an interface of this package that has no place of its own in the reference: a part of others. */
const isHidden = (base: ts.Symbol, exported: ReadonlySet<ts.Symbol>): boolean =>
  !exported.has(base) && (base.declarations ?? []).some((one) => ts.isInterfaceDeclaration(one) && isSource(one));

/** The members of an interface or class, after those of its parts. */
function membersOf(
  checker: ts.TypeChecker,
  node: ts.InterfaceDeclaration | ts.ClassDeclaration,
  exported: ReadonlySet<ts.Symbol>,
): readonly (ts.TypeElement | ts.ClassElement)[] {
  const inherited = basesOf(checker, node)
    .filter(({ symbol }) => isHidden(symbol, exported))
    .flatMap(({ symbol }) => symbol.declarations ?? [])
    .filter((one) => ts.isInterfaceDeclaration(one))
    .flatMap((one) => membersOf(checker, one, exported));
  return [...inherited, ...node.members];
}

function readSymbol(
  checker: ts.TypeChecker,
  name: string,
  symbol: ts.Symbol,
  exported: ReadonlySet<ts.Symbol>,
): Exported | undefined {
  const declarations = symbol.declarations ?? [];
  const doc = docOf(checker, symbol);
  const functions = declarations.filter((one) => ts.isFunctionDeclaration(one));
  if (functions.length > 0) {
    // Of overloads, the one with a body is hidden.
    const shown = functions.length > 1 ? functions.filter(({ body }) => body === undefined) : functions;
    return { kind: 'function', name, doc, signature: shown.map(signatureOf).join('\n') };
  }
  for (const one of declarations) {
    if (ts.isInterfaceDeclaration(one) || ts.isClassDeclaration(one)) {
      const bases = basesOf(checker, one)
        .filter(({ symbol: base }) => !isHidden(base, exported))
        .map(({ node }) => textOf(node));
      const members = membersOf(checker, one, exported);
      return {
        kind: ts.isClassDeclaration(one) ? 'class' : 'interface',
        name,
        doc,
        bases,
        methods: members.flatMap((member) => methodOf(checker, member) ?? []),
        properties: members.flatMap((member) => propertyOf(checker, member) ?? []),
      };
    }
    if (ts.isTypeAliasDeclaration(one)) {
      // The types of answers are those of schemas, which the reference of the HTTP API tells of.
      return textOf(one.type).startsWith('Static<')
        ? { kind: 'schema', name, doc }
        : { kind: 'type', name, doc, source: textOf(one.type) };
    }
    if (ts.isVariableDeclaration(one)) {
      // A schema and the type of its answers have one name.
      if (declarations.some(ts.isTypeAliasDeclaration)) return { kind: 'schema', name, doc };
      return { kind: 'value', name, doc, type: checker.typeToString(checker.getTypeOfSymbolAtLocation(symbol, one)) };
    }
  }
  return undefined;
}

const withoutDocs = (text: string): string => text.replaceAll(/\/\*\*[\s\S]*?\*\/\s*/g, '');
const textOf = (node: ts.Node): string => withoutDocs(node.getText());

function signatureOf(node: ts.FunctionDeclaration | ts.MethodSignature): string {
  const body = ts.isFunctionDeclaration(node) ? node.body : undefined;
  const text = body === undefined ? node.getText() : node.getText().slice(0, body.getStart() - node.getStart());
  return withoutDocs(text)
    .replace(/^export (?:async )?/, '')
    .trim()
    .replace(/;?$/, ';');
}

function methodOf(checker: ts.TypeChecker, member: ts.TypeElement | ts.ClassElement): Callable | undefined {
  if (!ts.isMethodSignature(member) || ts.isComputedPropertyName(member.name)) return undefined;
  const symbol = checker.getSymbolAtLocation(member.name);
  if (symbol === undefined) return undefined;
  return { name: member.name.getText(), signature: signatureOf(member), doc: docOf(checker, symbol) };
}

function propertyOf(checker: ts.TypeChecker, member: ts.TypeElement | ts.ClassElement): Property | undefined {
  if (!ts.isPropertySignature(member) && !ts.isPropertyDeclaration(member)) return undefined;
  const symbol = checker.getSymbolAtLocation(member.name);
  if (symbol === undefined) return undefined;
  return {
    name: member.name.getText(),
    type: member.type === undefined ? 'unknown' : textOf(member.type).replaceAll(/\s+/g, ' '),
    optional: member.questionToken !== undefined,
    doc: docOf(checker, symbol),
  };
}

function docOf(checker: ts.TypeChecker, symbol: ts.Symbol): Doc {
  const tags = symbol.getJsDocTags(checker);
  const tag = (name: string): string | undefined => {
    const found = tags.find((one) => one.name === name);
    return found === undefined ? undefined : ts.displayPartsToString(found.text).trim();
  };
  const text = ts.displayPartsToString(symbol.getDocumentationComment(checker)).trim();
  return { text, throws: tag('throws'), example: tag('example') };
}

/** Every function and method that a program calls, under the name by which a message calls it. */
export function callables(exports: readonly Exported[]): readonly Callable[] {
  return exports.flatMap((one) => {
    if (one.kind === 'function') return [one];
    if ((one.kind !== 'interface' && one.kind !== 'class') || GIVEN.has(one.name)) return [];
    return one.methods.map((method) => ({ ...method, name: `${one.name}.${method.name}` }));
  });
}

/** What is missing in the docstrings of functions and methods, as sentences. */
export function missing(exports: readonly Exported[]): readonly string[] {
  return callables(exports).flatMap(({ name, doc }) => [
    ...(/^[A-Z][^.]*[.:]/.test(doc.text) ? [] : [`${name} has no sentence that says what it does`]),
    ...(doc.throws === undefined ? [`${name} does not say what it throws or rejects with (@throws)`] : []),
    ...(doc.example === undefined || doc.example === '' ? [`${name} has no example (@example)`] : []),
  ]);
}
