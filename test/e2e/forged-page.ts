import { bundledCrypto } from '../../src/audit/index.ts';
import type { CorpusFile } from '../vectors/forged/corpus.ts';
import { judge } from '../vectors/forged/judge.ts';

/** For each document of a file of the corpus, given as text, what the verifier in this browser says of it, in order. */
async function judgeFile(text: string): Promise<readonly string[]> {
  const { kind, trusted, good, forged } = JSON.parse(text) as CorpusFile;
  const verdicts: string[] = [];
  for (const document of [...good, ...forged]) verdicts.push(await judge(kind, document, trusted, bundledCrypto()));
  return verdicts;
}

Object.assign(globalThis, { judgeFile });
