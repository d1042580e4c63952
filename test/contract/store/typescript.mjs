// For `node --import`: lets a child process of a test run the sources as they are. Types are erased, nothing is
// checked. TEST_TRANSPILED names a directory that keeps the output for later children: loading the compiler costs half
// a second each time.
import { register } from 'node:module';

const hooks = `
import { createHash } from 'node:crypto';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const kept = process.env.TEST_TRANSPILED;

async function transpile(source) {
  const { transpileModule, ModuleKind, ScriptTarget } = (await import('${import.meta.resolve('typescript')}')).default;
  const compilerOptions = { module: ModuleKind.ESNext, target: ScriptTarget.ES2023, verbatimModuleSyntax: true };
  return transpileModule(source, { compilerOptions }).outputText;
}

async function transpileOnce(source) {
  const file = join(kept, createHash('sha256').update(source).digest('hex'));
  try {
    return await readFile(file, 'utf8');
  } catch {
    const output = await transpile(source);
    await writeFile(file + '.' + process.pid, output);
    await rename(file + '.' + process.pid, file);
    return output;
  }
}

export async function load(url, context, next) {
  if (!url.endsWith('.ts')) return next(url, context);
  const source = await readFile(fileURLToPath(url), 'utf8');
  return { format: 'module', shortCircuit: true, source: await (kept ? transpileOnce(source) : transpile(source)) };
}`;
register(`data:text/javascript,${encodeURIComponent(hooks)}`);
