import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** Scripts for a shell, whose functions have the program's name. */
const SCRIPTS = 'src/cli/commands/completion.ts';

export interface Literal {
  readonly where: string;
  /** With NAME where a template has an expression. */
  readonly text: string;
}

/** Every source below a folder of the repository. */
export function sourcesIn(folder: string): readonly ts.SourceFile[] {
  return readdirSync(`${ROOT}${folder}`, { recursive: true, encoding: 'utf8' })
    .map((name) => `${folder}/${name}`)
    .filter((path) => /\.tsx?$/.test(path) && path !== SCRIPTS)
    .map((path) => sourceOf(path, readFileSync(ROOT + path, 'utf8')));
}

export const sourceOf = (path: string, text: string): ts.SourceFile =>
  ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true, path.endsWith('x') ? ts.ScriptKind.TSX : undefined);

/** The text of a string, or of a template with NAME in place of each expression. */
export function textOf(node: ts.Node): string | undefined {
  if (ts.isStringLiteral(node) || ts.isNoSubstitutionTemplateLiteral(node) || ts.isJsxText(node)) return node.text;
  if (!ts.isTemplateExpression(node)) return undefined;
  return node.head.text + node.templateSpans.map(({ literal }) => `NAME${literal.text}`).join('');
}

/** Looks at every node of a source. */
export function eachNode(source: ts.SourceFile, look: (node: ts.Node) => void): void {
  const visit = (node: ts.Node): void => {
    look(node);
    ts.forEachChild(node, visit);
  };
  visit(source);
}

export const placeOf = (node: ts.Node): string => {
  const source = node.getSourceFile();
  return `${source.fileName}:${source.getLineAndCharacterOfPosition(node.getStart()).line + 1}`;
};

export function literalsOf(source: ts.SourceFile): readonly Literal[] {
  const found: Literal[] = [];
  eachNode(source, (node) => {
    const text = textOf(node);
    if (text !== undefined) found.push({ where: placeOf(node), text });
  });
  return found;
}
