import ts from 'typescript';
import { basesOf, behind, exportsOf, isSource, ROOT } from './symbols.ts';

/**
 * The types of this package that the exports of an entry point use and that it does not export. A program could not
 * write their names, and the reference would not tell of them.
 */
export function unnamedTypes(program: ts.Program, source: string): readonly string[] {
  const checker = program.getTypeChecker();
  const exported = new Set(exportsOf(program, ROOT + source).values());
  const unnamed = new Set<string>();
  const seen = new Set<ts.Symbol>();

  const look = (symbol: ts.Symbol): void => {
    if (seen.has(symbol)) return;
    seen.add(symbol);
    for (const one of symbol.declarations ?? []) {
      // The type of a schema is told of under the name of that schema.
      if (ts.isTypeAliasDeclaration(one) && one.type.getText().startsWith('Static<')) continue;
      // A part of an interface that is not exported has its members there.
      if (ts.isInterfaceDeclaration(one) || ts.isClassDeclaration(one))
        for (const base of basesOf(checker, one))
          if ((base.symbol.declarations ?? []).some(isSource)) look(base.symbol);
      ts.forEachChild(one, visit);
    }
  };
  const visit = (node: ts.Node): void => {
    // The body of a function uses what it likes.
    if (ts.isBlock(node)) return;
    if (ts.isTypeReferenceNode(node)) {
      const symbol = checker.getSymbolAtLocation(node.typeName);
      const type = symbol === undefined ? undefined : behind(checker, symbol);
      if (type !== undefined && isNamedType(type) && !exported.has(type)) unnamed.add(type.name);
    }
    ts.forEachChild(node, visit);
  };

  for (const symbol of exported) look(symbol);
  return [...unnamed].toSorted();
}

const isNamedType = (symbol: ts.Symbol): boolean =>
  (symbol.declarations ?? []).some(
    (one) =>
      isSource(one) && (ts.isInterfaceDeclaration(one) || ts.isTypeAliasDeclaration(one) || ts.isClassDeclaration(one)),
  );
