import { exportsPage } from './library/page.ts';
import { ENTRIES, readExports, readProgram } from './library/read.ts';

/** Makes a page for each entry point, from its types and their docstrings, by file name. */
export function libraryPages(): Readonly<Record<string, string>> {
  const program = readProgram(ENTRIES.map(({ source }) => source));
  return Object.fromEntries(ENTRIES.map((entry) => [entry.file, exportsPage(entry, readExports(program, entry))]));
}
