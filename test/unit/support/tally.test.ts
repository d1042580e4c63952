import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../..', import.meta.url));
let directory = '';
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const CONFIG = "export default { test: { reporters: ['json'], outputFile: { json: process.env.VITEST_JSON } } };\n";
/** Each file of tests can tell its first run from its second one. */
const HEAD = `import { existsSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
const mark = new URL(import.meta.url).pathname + '.ran';
const isFirst = !existsSync(mark);
writeFileSync(mark, '');
`;

/** Runs a program to its end, with what it prints. */
async function run(program: string, args: string[], env: NodeJS.ProcessEnv): Promise<{ code: number; said: string }> {
  const child = spawn(program, args, { cwd: directory, env, stdio: ['ignore', 'pipe', 'ignore'] });
  let said = '';
  child.stdout.on('data', (piece) => (said += String(piece)));
  const [code] = (await once(child, 'close')) as [number];
  return { code, said };
}

/** Runs `files` as the only suite of a project, as .ci/run does. */
async function tally(files: Record<string, string>): Promise<{
  counted: string;
  failures: string[];
  unsteady: string[];
}> {
  directory = mkdtempSync(join(tmpdir(), 'lattice-tally-'));
  symlinkSync(join(root, 'node_modules'), join(directory, 'node_modules'));
  mkdirSync(join(directory, 'lists'));
  writeFileSync(join(directory, 'package.json'), '{ "type": "module" }\n');
  writeFileSync(join(directory, 'vitest.config.js'), CONFIG);
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, `${name}.test.js`), HEAD + text);
  const at = (name: string): string => join(directory, 'lists', name);
  const lines = (name: string): string[] => {
    const text = readFileSync(at(name), 'utf8').trimEnd();
    return text === '' ? [] : text.split('\n');
  };
  for (const name of ['failures', 'unsteady']) writeFileSync(at(name), '');
  const env = { PATH: process.env['PATH'], HOME: process.env['HOME'], VITEST_JSON: at('run.json') };
  const { code } = await run('npx', ['vitest', 'run'], env);
  const script = join(root, '.ci/tally.mjs');
  const args = [script, at('run.json'), String(code), at('failures'), at('unsteady'), 'unit'];
  const { said } = await run(process.execPath, args, env);
  return { counted: said.trim(), failures: lines('failures'), unsteady: lines('unsteady') };
}

describe('what CI counts', () => {
  it('a test that passes when it runs once more is counted and named; one that fails again, or is gone then, has failed', async () => {
    const { counted, failures, unsteady } = await tally({
      steady: "test('holds', () => expect(1).toBe(1));\n",
      busy: "test('waits', () => expect(isFirst).toBe(false));\ntest('fails', () => expect(1).toBe(2));\n",
      gone: "if (isFirst) test('seed 17', () => expect(1).toBe(2));\ntest('holds', () => expect(1).toBe(1));\n",
    });
    expect(counted).toBe('3 2');
    expect(unsteady).toEqual([expect.stringContaining('busy.test.js: waits: ') as string]);
    expect(failures.toSorted()).toEqual([
      expect.stringContaining('busy.test.js: fails: ') as string,
      expect.stringContaining('gone.test.js: seed 17: ') as string,
    ]);
  });

  it('an error that no test awaited fails the run, and so does one of the second run', async () => {
    const stray = "await Promise.reject(new Error('stray'));";
    const first = await tally({ steady: `test('holds', () => void (async () => { ${stray} })());\n` });
    expect([first.counted, first.failures]).toEqual(['1 1', ['unit: it ended with exit status 1']]);
    rmSync(directory, { recursive: true, force: true });
    const second = await tally({
      busy: `test('waits', () => { expect(isFirst).toBe(false); void (async () => { ${stray} })(); });\n`,
    });
    expect([second.counted, second.failures]).toEqual(['1 1', ['unit: the second run ended with exit status 1']]);
  });
});
