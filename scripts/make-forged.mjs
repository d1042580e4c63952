// Writes test/vectors/forged from its sources, which stand beside it: node scripts/make-forged.mjs
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { runnerImport } from 'vite';

const OUT = new URL('../test/vectors/forged/', import.meta.url);

const { module } = await runnerImport(fileURLToPath(new URL('files.ts', OUT)), {
  configFile: false,
  root: fileURLToPath(new URL('../', import.meta.url)),
  logLevel: 'error',
});
for (const [name, text] of module.corpusFiles()) writeFileSync(new URL(name, OUT), text);
