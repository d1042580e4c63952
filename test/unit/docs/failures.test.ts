import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { describe, expect, test } from 'vitest';
import { STATUS_BY_CODE } from '../../../src/api/http/statuses.ts';
import { EXIT, EXIT_BY_CODE } from '../../../src/cli/exit-codes.ts';
import { ERROR_CODES, type ErrorCode, isErrorCode } from '../../../src/core/types/index.ts';
import { CAUSE_CODES, READ_ONLY_CODES, VERDICT_CODES, WARNING_CODES } from '../../../src/runtime/facade/codes.ts';
import { readDocument } from './support.ts';

const ROOT = new URL('../../../', import.meta.url);
const handbook = readDocument('docs/failures.md');

/** One code of the handbook with the cells of its row by the heads of their columns. */
interface Place {
  readonly code: string;
  readonly cells: Readonly<Record<string, string>>;
}

function placesOf(document: string): Place[] {
  const places: Place[] = [];
  let heads: readonly string[] = [];
  const cellsOf = (line: string): string[] =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim());
  for (const line of document.split('\n')) {
    const cells = line.startsWith('|') ? cellsOf(line) : [];
    if (cells[0] === 'Code') heads = cells;
    const anchor = /^<a id="([^"]*)"><\/a>(.*)$/.exec(cells[0] ?? '');
    if (anchor === null) continue;
    const named = Object.fromEntries(heads.map((head, i) => [head, cells[i] ?? '']));
    places.push({ code: anchor[1] ?? '', cells: { ...named, Code: anchor[2] ?? '' } });
  }
  return places;
}

/** Every file of the sources, parsed. */
const sources = ['src', 'dashboard/src'].flatMap((folder) =>
  readdirSync(fileURLToPath(new URL(folder, ROOT)), { recursive: true, encoding: 'utf8' })
    .filter((path) => /\.tsx?$/.test(path))
    .map((path) => `${folder}/${path}`)
    .map((path) => ts.createSourceFile(path, readFileSync(new URL(path, ROOT), 'utf8'), ts.ScriptTarget.Latest, true)),
);

/** What `of` finds in the nodes of every source. */
function inSources<T>(of: (node: ts.Node) => readonly T[]): T[] {
  const found: T[] = [];
  const walk = (node: ts.Node): void => {
    found.push(...of(node));
    node.forEachChild(walk);
  };
  for (const source of sources) walk(source);
  return found;
}

function textsIn(node: ts.Node): string[] {
  if (ts.isStringLiteral(node)) return [node.text];
  const texts: string[] = [];
  node.forEachChild((child) => void texts.push(...textsIn(child)));
  return texts;
}

/** Codes that stand in the first argument of a `new LatticeError`, or say why an import refuses something. */
const thrown = new Set(
  inSources((node) =>
    ts.isPropertyAssignment(node) &&
    node.name.getText() === 'code' &&
    node.getSourceFile().fileName.startsWith('src/moving/')
      ? textsIn(node.initializer)
      : ts.isNewExpression(node) &&
          /^Lattice(?:Error|Problem)$/.test(node.expression.getText()) &&
          node.arguments?.[0] !== undefined
        ? textsIn(node.arguments[0])
        : [],
  ),
);

/** What something called a code is compared with, where it has no type that would tell a code that does not exist. */
const compared = inSources((node) => {
  if (!ts.isBinaryExpression(node) || ts.isTypeOfExpression(node.left)) return [];
  const { left, operatorToken, right } = node;
  const isEquality =
    operatorToken.kind === ts.SyntaxKind.EqualsEqualsEqualsToken ||
    operatorToken.kind === ts.SyntaxKind.ExclamationEqualsEqualsToken;
  return isEquality && ts.isStringLiteral(right) && /(?:^|\.)(?:c|\w+C)ode$/.test(left.getText()) ? [right.text] : [];
});
/** Sets and lists that are asked for a code, and are not typed as holding codes. */
const untyped = inSources((node) => {
  if (!ts.isCallExpression(node) || !ts.isPropertyAccessExpression(node.expression)) return [];
  const { expression: holder, name } = node.expression;
  if (!['has', 'includes'].includes(name.text) || !/(?:^|\.)(?:c|\w+C)ode$/.test(node.arguments[0]?.getText() ?? ''))
    return [];
  const declared = new RegExp(`const ${holder.getText()}(?:: ReadonlySet<| = new Map<)[\\w |]*Code`);
  return declared.test(node.getSourceFile().text) ? [] : [`${node.getSourceFile().fileName}: ${node.getText()}`];
});
/** Codes of Node.js, LevelDB, Fastify, undici and commander. */
const FOREIGN = /^(?:[A-Z][A-Z0-9_]+|commander\.\w+)$/;

const places = placesOf(handbook);
const STATED: readonly string[] = [...READ_ONLY_CODES, ...WARNING_CODES, ...VERDICT_CODES];

describe('the registry of error codes', () => {
  test('names each code once', () => expect(new Set(ERROR_CODES).size).toBe(ERROR_CODES.length));

  test('knows its own codes, and leaves those of other versions alone', () => {
    expect([isErrorCode('moved-on'), isErrorCode('sync-busy'), isErrorCode(undefined)]).toEqual([true, false, false]);
  });

  test('holds no code that nothing throws', () => {
    expect(ERROR_CODES.filter((code) => !thrown.has(code))).toEqual([]);
  });

  test('holds every code that something is compared with', () => {
    expect(compared.length).toBeGreaterThan(40);
    const own = compared.filter((code) => !FOREIGN.test(code));
    expect(own.filter((code) => !isErrorCode(code) && !STATED.includes(code))).toEqual([]);
    expect(untyped).toEqual([]);
  });

  test('has a status and an exit code for each, and for nothing else', () => {
    expect(Object.keys(STATUS_BY_CODE).sort()).toEqual([...ERROR_CODES].sort());
    expect(Object.keys(EXIT_BY_CODE).sort()).toEqual([...ERROR_CODES].sort());
    const statuses: readonly (number | undefined)[] = Object.values(STATUS_BY_CODE);
    expect(statuses.filter((status) => status !== undefined && (status < 400 || status > 599))).toEqual([]);
  });
});

test('every code of reasons, warnings and causes is told by some part of a node', () => {
  const told = inSources((node) => {
    const { fileName } = node.getSourceFile();
    if (!ts.isStringLiteral(node) || !/^src\/(?:runtime|app)\//.test(fileName) || fileName.endsWith('facade/codes.ts'))
      return [];
    // Who asks whether a reason stands does not tell it.
    const asks = ts.isCallExpression(node.parent) && node.parent.expression.getText().endsWith('.has');
    return asks ? [] : [node.text];
  });
  expect([...STATED, ...CAUSE_CODES].filter((code) => !told.includes(code))).toEqual([]);
});

describe('the failure handbook', () => {
  test('has one place for every code of errors, reasons and warnings, and none for anything else', () => {
    expect(places.map(({ code }) => code).sort()).toEqual([...new Set([...ERROR_CODES, ...STATED])].sort());
  });

  test.each(places.map((place) => [place.code, place.cells] as const))(
    '%s has its status, what happened and what to do, in whole sentences',
    (code, cells) => {
      expect(cells['Code']).toBe(`\`${code}\``);
      const status = isErrorCode(code) ? STATUS_BY_CODE[code] : undefined;
      expect(cells['HTTP']).toBe(status === undefined ? '–' : String(status));
      for (const head of ['What happened', 'What to do']) expect(cells[head]).toMatch(/^[A-Z0-9`].*[^ ]+ [^ ]+.*[.`]$/);
    },
  );

  test('names the exit codes of the command line, and every code that has another one than 1', () => {
    const named = new Map<string, number>();
    for (const [, exit, codes] of handbook.matchAll(/^\| (\d+) \| (`.*) \|$/gm))
      for (const [, code] of (codes ?? '').matchAll(/`([a-z-]+)`/g)) named.set(code ?? '', Number(exit));
    const others = Object.entries(EXIT_BY_CODE).filter(([, exit]) => exit !== EXIT.failed);
    expect(Object.fromEntries(named)).toEqual(Object.fromEntries(others));
  });

  test('every link leads somewhere', () => {
    for (const [, target] of handbook.matchAll(/\]\(([^)#][^)]*)\)/g))
      expect(() => readDocument(`docs/${target}`)).not.toThrow();
    const headings = Array.from(handbook.matchAll(/^#+ (.+)$/gm), ([, text]) =>
      (text as string).toLowerCase().replaceAll(' ', '-'),
    );
    for (const [, anchor] of handbook.matchAll(/\]\(#([^)]+)\)/g))
      expect([...headings, ...ERROR_CODES]).toContain(anchor as ErrorCode);
  });
});
