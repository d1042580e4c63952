import { fileURLToPath } from 'node:url';
import ts from 'typescript';

export const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

/** Whether something is declared in the sources of the package. */
export const isSource = (node: ts.Node): boolean => node.getSourceFile().fileName.startsWith(`${ROOT}src/`);

/** The symbol that an alias, such as an import, stands for. */
export const behind = (checker: ts.TypeChecker, symbol: ts.Symbol): ts.Symbol =>
  symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;

/** What a file exports, by its names. */
export function exportsOf(program: ts.Program, path: string): ReadonlyMap<string, ts.Symbol> {
  const checker = program.getTypeChecker();
  const file = program.getSourceFile(path);
  const module = file === undefined ? undefined : checker.getSymbolAtLocation(file);
  if (module === undefined) throw new Error(`${path} exports nothing`);
  return new Map(checker.getExportsOfModule(module).map((one) => [one.name, behind(checker, one)]));
}

/** What an interface or a class extends or implements. */
export function basesOf(
  checker: ts.TypeChecker,
  of: ts.InterfaceDeclaration | ts.ClassDeclaration,
): readonly { readonly node: ts.Node; readonly symbol: ts.Symbol }[] {
  return (of.heritageClauses ?? []).flatMap(({ types }) =>
    types.flatMap((node) => {
      const symbol = checker.getSymbolAtLocation(node.expression);
      return symbol === undefined ? [] : [{ node, symbol: behind(checker, symbol) }];
    }),
  );
}
