import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';
import { describe, expect, it } from 'vitest';
import type { CorpusFile } from '../vectors/forged/corpus.ts';
import { openEmpty } from './browser.ts';

const FOLDER = fileURLToPath(new URL('../vectors/forged/', import.meta.url));

/** The verifier as one script, built by the bundler that builds the dashboard. */
async function bundle(): Promise<string> {
  const built = await build({
    configFile: false,
    logLevel: 'error',
    build: {
      write: false,
      lib: { entry: fileURLToPath(new URL('./forged-page.ts', import.meta.url)), formats: ['iife'], name: 'forged' },
    },
  });
  const [output] = [built].flat();
  if (output === undefined || !('output' in output)) throw new Error('the bundler gave no output');
  return output.output[0].code;
}

describe('the verifier of the dashboard, in a browser', () => {
  it('accepts what is good of the corpus, and finds each flaw where it is [P5, P6, P8, Z5, Z8]', async () => {
    const page = await openEmpty(await bundle());
    const names = readdirSync(FOLDER).filter((name) => name.endsWith('.json'));
    expect(names.length).toBeGreaterThan(5);
    for (const name of names) {
      const text = readFileSync(FOLDER + name, 'utf8');
      const file = JSON.parse(text) as CorpusFile;
      const verdicts = await page.evaluate(
        (one) => (globalThis as unknown as { judgeFile(text: string): Promise<string[]> }).judgeFile(one),
        text,
      );
      const expected = [...file.good.map(() => 'holds'), ...file.forged.map(({ fails }) => fails)];
      expect(verdicts, name).toEqual(expected);
    }
  });
});
