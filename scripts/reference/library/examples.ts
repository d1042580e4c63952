import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { callables, ENTRIES, type Entry, readExports, readProgram } from './read.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

/** What examples take as given: a node, its state, a client, and a document with the keys to check it by. */
const GIVEN: Readonly<Record<string, string>> = {
  'diotec360-lattice': `
declare const node: import('diotec360-lattice').StartedNode;
declare const lattice: import('diotec360-lattice').EmbeddedLattice;
declare const hash: string;
declare const subscription: import('diotec360-lattice').EventSubscription;
declare const stream: import('diotec360-lattice').Stream<unknown>;`,
  'diotec360-lattice/client': `
declare const client: import('diotec360-lattice/client').LatticeClient;
declare const answer: import('diotec360-lattice/client').Answer;
declare const content: import('diotec360-lattice/client').VaultContent;
declare const hash: string;
declare const stream: import('diotec360-lattice/client').Stream<unknown>;`,
  'diotec360-lattice/audit': `
declare const bytes: Uint8Array;
declare const hash: string;
declare const size: number;
declare const root: string;
declare const leaves: Uint8Array;
declare const certificate: string;`,
};
const DOCUMENT = `
declare const document: unknown;
declare const trusted: readonly import('diotec360-lattice').Author[];`;

/** The examples of an entry point's docstrings as one file, and the name of the one that begins at each line. */
function examplesOf(entry: Entry, program: ts.Program): { readonly text: string; readonly starts: [number, string][] } {
  const exports = readExports(program, entry);
  const values = exports.filter(({ kind }) => kind === 'function' || kind === 'class' || kind === 'value');
  let text = `import { ${values.map(({ name }) => name).join(', ')} } from '${entry.imported}';${GIVEN[entry.imported] ?? ''}${DOCUMENT}\nexport {};\n`;
  const starts: [number, string][] = [];
  for (const { name, doc } of callables(exports)) {
    if (doc.example === undefined) continue;
    starts.push([text.split('\n').length, name]);
    text += `export async function example${starts.length}() {\n${doc.example}\n}\n`;
  }
  return { text, starts };
}

/** The programs of a guide: its blocks of TypeScript. */
function guideBlocks(path: string): readonly string[] {
  const text = readFileSync(ROOT + path, 'utf8');
  return Array.from(text.matchAll(/^```ts\n([\s\S]*?)^```$/gm), ([, block]) => block as string);
}

/** The declarations of what a block of a guide takes as given: whatever it does not declare itself. */
function givenTo(block: string): string {
  const lines = new Set((Object.values(GIVEN).join('') + DOCUMENT).split('\n'));
  return Array.from(lines)
    .filter((line) => {
      const name = /^declare const (\w+)/.exec(line)?.[1];
      return name !== undefined && name !== 'stream' && !new RegExp(`\\b(?:const|let|using) ${name}\\b`).test(block);
    })
    .join('\n');
}

/** What the compiler says of the examples in docstrings and in guides; none says that they are as they should be. */
export function flawsOfExamples(guides: readonly string[]): readonly string[] {
  const program = readProgram(ENTRIES.map(({ source }) => source));
  const memory = new Map<string, string>();
  const starts = new Map<string, [number, string][]>();
  for (const entry of ENTRIES) {
    const made = examplesOf(entry, program);
    const path = `${ROOT}test/unit/docs/.examples-of-${entry.file.replace('.md', '.ts')}`;
    memory.set(path, made.text);
    starts.set(path, made.starts);
  }
  for (const guide of guides) {
    for (const [i, block] of guideBlocks(guide).entries()) {
      const path = `${ROOT}test/unit/docs/.${guide.replaceAll('/', '-')}-${i + 1}.ts`;
      memory.set(path, `${block}\nexport {};\n${givenTo(block)}`);
      starts.set(path, [[1, `${guide}, block ${i + 1}`]]);
    }
  }
  const checked = readProgram(Array.from(memory.keys()), memory);
  return Array.from(memory.keys()).flatMap((path) => {
    const source = checked.getSourceFile(path);
    if (source === undefined) throw new Error(`${path} was not read`);
    return [...checked.getSyntacticDiagnostics(source), ...checked.getSemanticDiagnostics(source)].map((flaw) => {
      const line = source.getLineAndCharacterOfPosition(flaw.start ?? 0).line + 1;
      const name = starts.get(path)?.findLast(([from]) => from <= line)?.[1] ?? path;
      const at = source.text.split('\n')[line - 1]?.trim();
      return `${name}: ${ts.flattenDiagnosticMessageText(flaw.messageText, ' ')} (${at})`;
    });
  });
}
