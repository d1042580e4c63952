import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';

const cli = new URL('../../../src/cli/', import.meta.url);

/** What a file imports when it is loaded (types are erased), and what it may import later. */
function importsOf(url: URL): { readonly now: string[]; readonly later: string[] } {
  const source = ts.createSourceFile(url.pathname, readFileSync(url, 'utf8'), ts.ScriptTarget.ES2023, true);
  const now: string[] = [];
  const later: string[] = [];
  const visit = (part: ts.Node): void => {
    if (ts.isImportDeclaration(part) && ts.isStringLiteral(part.moduleSpecifier)) {
      const clause = part.importClause;
      const named =
        clause?.namedBindings !== undefined && ts.isNamedImports(clause.namedBindings)
          ? clause.namedBindings.elements
          : undefined;
      const typesOnly =
        clause?.phaseModifier === ts.SyntaxKind.TypeKeyword ||
        (clause?.name === undefined && named !== undefined && named.length > 0 && named.every((n) => n.isTypeOnly));
      if (!typesOnly) now.push(part.moduleSpecifier.text);
    } else if (
      ts.isExportDeclaration(part) &&
      part.moduleSpecifier !== undefined &&
      ts.isStringLiteral(part.moduleSpecifier)
    ) {
      if (!part.isTypeOnly) now.push(part.moduleSpecifier.text);
    } else if (ts.isCallExpression(part) && part.expression.kind === ts.SyntaxKind.ImportKeyword) {
      const [argument] = part.arguments;
      if (argument !== undefined && ts.isStringLiteral(argument)) later.push(argument.text);
    }
    ts.forEachChild(part, visit);
  };
  visit(source);
  return { now, later };
}

/**
 * Packages and built-ins that loading `entry` loads, imports of imports included; `follow` decides about lazy imports.
 */
function loadedBy(entry: URL, follow: (specifier: string) => boolean): Set<string> {
  const packages = new Set<string>();
  const seen = new Set<string>();
  const queue = [entry];
  for (const url of queue) {
    if (seen.has(url.href)) continue;
    seen.add(url.href);
    const { now, later } = importsOf(url);
    for (const specifier of [...now, ...later.filter(follow)]) {
      if (!specifier.startsWith('.')) packages.add(specifier);
      else if (existsSync(new URL(specifier, url))) queue.push(new URL(specifier, url));
    }
  }
  return packages;
}

const HEAVY = /libp2p|fastify|classic-level|memory-level|pino|undici|^sql\.js$|^ws$|multiaddr|cli-table3/;

describe('a command loads only what it needs', () => {
  it('the command line itself loads commander and built-ins', () => {
    const packages = loadedBy(new URL('main.ts', cli), () => false);
    expect([...packages].filter((name) => !name.startsWith('node:'))).toEqual(['commander']);
  });

  const modules = readdirSync(new URL('commands/', cli))
    .map((file) => file.replace('.ts', ''))
    .filter((name) => name !== 'start' && name !== 'up');
  it.each(modules)('%s loads no part of a running node', (name) => {
    const heavy = [...loadedBy(new URL(`commands/${name}.ts`, cli), () => true)].filter((specifier) =>
      HEAVY.test(specifier),
    );
    expect(heavy).toEqual([]);
  });

  it('this check sees what start loads once it runs', () => {
    const app = fileURLToPath(new URL('../app/index.ts', cli));
    if (!existsSync(app)) return;
    expect([...loadedBy(new URL('commands/start.ts', cli), () => true)].some((name) => HEAVY.test(name))).toBe(true);
    expect([...loadedBy(new URL('commands/start.ts', cli), () => false)].some((name) => HEAVY.test(name))).toBe(false);
  });
});
