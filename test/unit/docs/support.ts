import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { anchorOf } from '../../../scripts/reference/markdown.ts';

const ROOT = new URL('../../../', import.meta.url);

export function readDocument(path: string): string {
  return readFileSync(new URL(path, ROOT), 'utf8');
}

/** Whether there is such a file or folder, relative to the repository. */
export function exists(path: string): boolean {
  return existsSync(new URL(path, ROOT));
}

/** Names of what lies in a folder, in order. */
export function namesIn(folder: string): readonly string[] {
  return readdirSync(fileURLToPath(new URL(folder, ROOT))).sort();
}

/** Every TypeScript file below test/, relative to the repository. */
export function testFiles(): readonly string[] {
  return readdirSync(fileURLToPath(new URL('test/', ROOT)), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts'))
    .map((path) => `test/${path.replaceAll('\\', '/')}`)
    .sort();
}

/** The rule numbers of SPEC.md in the order of the document. */
export function specRules(spec: string): readonly string[] {
  return Array.from(spec.matchAll(/^- \*\*\[([A-Z]{1,2}\d+)\]\*\*/gm), (match) => match[1] as string);
}

/** Rule numbers that end a test title: `'title [V1, B6]'`. */
export function citedRules(source: string): readonly string[] {
  const groups = source.matchAll(/ \[([A-Z]{1,2}\d+(?:, [A-Z]{1,2}\d+)*)\](?:'|"|`)[,)]/g);
  return Array.from(groups, (match) => (match[1] as string).split(', ')).flat();
}

/** A document without its blocks of code. */
export function proseOf(text: string): string {
  return text.replaceAll(/^( *)```[^]*?^\1```$/gm, '');
}

/** Targets of the links of a document that lead nowhere: to no file, or to no heading of one. Addresses are left out. */
export function brokenLinks(path: string): readonly string[] {
  const links = Array.from(proseOf(readDocument(path)).matchAll(/\]\(([^)\s]+)\)/g), ([, target]) => target as string);
  return links.filter((link) => {
    if (/^[a-z]+:/.test(link)) return false;
    const [file = '', anchor] = link.split('#');
    const target = file === '' ? path : new URL(file, `file:///${path}`).pathname.slice(1);
    return !exists(target) || (anchor !== undefined && !anchorsOf(readDocument(target)).includes(anchor));
  });
}

function anchorsOf(text: string): readonly string[] {
  return Array.from(proseOf(text).matchAll(/^#+ (.+)$/gm), ([, heading]) => anchorOf(heading as string));
}

/** Where files of the repository lie. */
const FOLDERS = /^(?:\.ci|\.github|bench|dashboard|deploy|docs|examples|samples|scripts|src|test)\//;

/** Paths that a document names as code, each alternative of `{a,b}` by itself. What has a `<placeholder>` is left out. */
export function namedPaths(text: string): readonly string[] {
  const spans = Array.from(proseOf(text).matchAll(/`([^`\s]+)`/g), ([, span]) => span as string);
  return spans.filter((span) => FOLDERS.test(span) && !span.includes('<')).flatMap(alternatives);
}

function alternatives(path: string): readonly string[] {
  const [, before, choices, after] = /^([^{]*)\{([^}]*)\}(.*)$/.exec(path) ?? [];
  if (choices === undefined) return [path];
  return choices.split(',').flatMap((choice) => alternatives(`${before}${choice}${after}`));
}

/** Scripts of package.json that a document runs. */
export function namedScripts(text: string): readonly string[] {
  const runs = Array.from(text.matchAll(/\bnpm run (?:-s )?([a-z][\w:-]*)/g), ([, name]) => name as string);
  return [...runs, ...Array.from(text.matchAll(/\bnpm (start|test)\b/g), ([, name]) => name as string)];
}
