import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const ROOT = new URL('../../../', import.meta.url);

export function readDocument(path: string): string {
  return readFileSync(new URL(path, ROOT), 'utf8');
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
  return Array.from(spec.matchAll(/^- \*\*\[([A-Z]\d+)\]\*\*/gm), (match) => match[1] as string);
}

/** Rule numbers that end a test title: `'title [V1, B6]'`. */
export function citedRules(source: string): readonly string[] {
  const groups = source.matchAll(/ \[([A-Z]\d+(?:, [A-Z]\d+)*)\](?:'|"|`)[,)]/g);
  return Array.from(groups, (match) => (match[1] as string).split(', ')).flat();
}
