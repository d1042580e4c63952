// Writes docs/reference from the code: npm run -s reference [-- --check]
// --check writes nothing. It ends with exit code 1 when a page differs from what the code gives.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { runnerImport } from 'vite';

const OUT = new URL('../docs/reference/', import.meta.url);
const { values } = parseArgs({ options: { check: { type: 'boolean' } } });

// The pages are made from the sources, so nothing needs to be built first.
const load = async (name) => {
  const path = fileURLToPath(new URL(`reference/${name}`, import.meta.url));
  const { module } = await runnerImport(path, {
    configFile: false,
    root: fileURLToPath(new URL('../', import.meta.url)),
    logLevel: 'error',
  });
  return module;
};
const { referencePages } = await load('pages.ts');
const { libraryPages } = await load('library.ts');
const pages = { ...(await referencePages()), ...(await libraryPages()) };

mkdirSync(OUT, { recursive: true });
for (const [name, text] of Object.entries(pages)) {
  const path = new URL(name, OUT);
  if (values.check !== true) writeFileSync(path, text);
  else if (textOf(path) !== text) {
    process.stderr.write(`error: docs/reference/${name} is not what the code says\n  next: npm run -s reference\n`);
    process.exitCode = 1;
  }
}

function textOf(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  }
}
