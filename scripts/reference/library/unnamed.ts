import ts from 'typescript';
import { basesOf, behind, exportsOf, isSource, ROOT } from './symbols.ts';

/** The entry point of the protocol without I/O, whose types the other entry points name as well. */
const CORE = 'src/core/index.ts';

type Face = ts.InterfaceDeclaration | ts.ClassDeclaration;

/**
 * The types of this package that the calls of an entry point name and that it does not export: those in the signatures
 * of its functions and methods, and those of the properties beside methods. A program could not write their names, and
 * the reference would not tell of them.
 */
export function unnamedTypes(program: ts.Program, source: string): readonly string[] {
  const checker = program.getTypeChecker();
  const own = exportsOf(program, ROOT + source).values();
  const exported = new Set(own);
  const named = new Set([...exported, ...exportsOf(program, ROOT + CORE).values()]);
  const unnamed = new Set<string>();

  const visit = (node: ts.Node): void => {
    // The body of a function uses what it likes.
    if (ts.isBlock(node)) return;
    if (ts.isTypeReferenceNode(node)) {
      const symbol = checker.getSymbolAtLocation(node.typeName);
      const type = symbol === undefined ? undefined : behind(checker, symbol);
      if (type !== undefined && isNamedType(type) && !named.has(type)) unnamed.add(type.name);
    }
    ts.forEachChild(node, visit);
  };
  const look = (symbol: ts.Symbol): void => {
    for (const one of symbol.declarations ?? []) {
      if (!isSource(one)) continue;
      if (ts.isFunctionDeclaration(one)) visit(one);
      if (!isFace(one)) continue;
      one.members.forEach(visit);
      // A part of a face that is not exported has its members there.
      for (const base of basesOf(checker, one)) if (!exported.has(base.symbol)) look(base.symbol);
    }
  };
  for (const symbol of exported) look(symbol);
  return [...unnamed].toSorted();
}

const isFace = (node: ts.Declaration): node is Face =>
  (ts.isInterfaceDeclaration(node) || ts.isClassDeclaration(node)) &&
  (node.members.some((member) => ts.isMethodSignature(member)) || (node.heritageClauses ?? []).length > 0);

const isNamedType = (symbol: ts.Symbol): boolean =>
  (symbol.declarations ?? []).some(
    (one) =>
      isSource(one) && (ts.isInterfaceDeclaration(one) || ts.isTypeAliasDeclaration(one) || ts.isClassDeclaration(one)),
  );
