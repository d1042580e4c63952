// Lets plain `node` run the sources: types are erased and nothing else. PRINT_MODULES prints the address of every
// module loaded. For child processes of these tests.
import { writeSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { register } from 'node:module';
import { fileURLToPath } from 'node:url';
import { isMainThread } from 'node:worker_threads';

// The transformer is loaded where modules are, in the thread of the loader, and by nobody else.
const erase = isMainThread ? undefined : (await import('rolldown/utils')).transformSync;
if (isMainThread) register(import.meta.url);

export async function load(url, context, next) {
  if (process.env['PRINT_MODULES'] !== undefined) writeSync(1, `${url}\n`);
  if (!url.endsWith('.ts')) return next(url, context);
  const path = fileURLToPath(url);
  const { code, errors } = erase(path, await readFile(path, 'utf8'), {
    target: 'es2023',
    typescript: { onlyRemoveTypeImports: true },
    tsconfig: false,
  });
  if (errors.length > 0) throw errors[0];
  return { format: 'module', shortCircuit: true, source: code };
}
