import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Application } from 'typedoc';
import { page } from './markdown.ts';

const at = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));

/** The package's entry points for programs. TypeDoc names its files after them. */
const ENTRIES = [
  {
    exported: '.',
    source: 'src/index.ts',
    made: 'index.md',
    file: 'library.md',
    title: 'Library',
    intro:
      'What `diotec360-lattice` exports: a whole node inside a program. How to use it: [embedding](../embedding.md).',
  },
  {
    exported: './client',
    source: 'src/client/index.ts',
    made: 'client.md',
    file: 'client.md',
    title: 'Typed client',
    intro:
      'What `diotec360-lattice/client` exports: a client of the HTTP API for Node.js and browsers. The answers it names are those of the [HTTP API](http.md).',
  },
] as const;

/** Makes a page for each entry point that package.json exports, from the types and their docstrings. */
export async function libraryPages(): Promise<Readonly<Record<string, string>>> {
  const { exports } = JSON.parse(readFileSync(at('package.json'), 'utf8')) as {
    exports: Readonly<Record<string, unknown>>;
  };
  const entries = ENTRIES.filter(({ exported }) => exported in exports);
  const out = mkdtempSync(join(tmpdir(), 'lattice-reference-'));
  try {
    const app = await Application.bootstrapWithPlugins({
      plugin: ['typedoc-plugin-markdown'],
      entryPoints: entries.map(({ source }) => at(source)),
      tsconfig: at('tsconfig.json'),
      // The types are checked by another step.
      skipErrorChecking: true,
      validation: false,
      logLevel: 'Error',
      readme: 'none',
      sort: ['source-order'],
      disableSources: true,
      excludeExternals: true,
      githubPages: false,
      hideGenerator: true,
      out,
      ...({
        outputFileStrategy: 'modules',
        hidePageHeader: true,
        hidePageTitle: true,
        hideBreadcrumbs: true,
        useCodeBlocks: true,
        parametersFormat: 'table',
        interfacePropertiesFormat: 'table',
        classPropertiesFormat: 'table',
        typeAliasPropertiesFormat: 'table',
        propertyMembersFormat: 'table',
        typeDeclarationFormat: 'table',
        tableColumnSettings: { hideModifiers: true, hideDefaults: true, hideInherited: true, hideOverrides: true },
      } as object),
    });
    const project = await app.convert();
    if (project === undefined) throw new Error('TypeDoc read nothing');
    await app.generateOutputs(project);
    return Object.fromEntries(
      entries.map(({ made, file, title, intro }) => [
        file,
        page(title, [intro, trimmed(readFileSync(join(out, entries.length === 1 ? 'README.md' : made), 'utf8'))]),
      ]),
    );
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
}

/** Removes anchors that nothing links to, rulers and empty cells, and has links name the final files of the pages. */
function trimmed(text: string): string {
  let short = text
    .replaceAll(/<a id="[^"]*"><\/a> /g, '')
    .replaceAll(/^\*\*\*\n\n?/gm, '')
    .replaceAll(/ \| - \|$/gm, ' | |')
    .replaceAll(/^\| -{6}(?: \| -{6})* \|$/gm, (line) => line.replaceAll('------', '---'))
    .replaceAll(/^#+ Properties\n\n/gm, '');
  for (const { made, file } of ENTRIES) short = short.replaceAll(`](${made}`, `](${file}`);
  return short.trim();
}
