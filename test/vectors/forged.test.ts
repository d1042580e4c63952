import { execFile, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { createVerifier } from '../../src/adapters/system/keys.ts';
import { bundledCrypto } from '../../src/audit/index.ts';
import { readDocument, specRules } from '../unit/docs/support.ts';
import type { CorpusFile } from './forged/corpus.ts';
import { corpusFiles } from './forged/files.ts';
import { judge } from './forged/judge.ts';
import { hasher } from './forged/world.ts';

const FOLDER = fileURLToPath(new URL('./forged/', import.meta.url));
const PYTHON = fileURLToPath(new URL('../../verifiers/python/', import.meta.url));
const names = readdirSync(FOLDER).filter((name) => name.endsWith('.json'));
const files = names.map((name) => [name, JSON.parse(readFileSync(FOLDER + name, 'utf8')) as CorpusFile] as const);
const all = files.flatMap(([, { good, forged }]) => [...good, ...forged]);
const python = spawnSync('python3', ['--version']).status === 0;

describe('the corpus of forged documents', () => {
  it('is what its script makes, byte for byte', () => {
    const made = corpusFiles();
    expect(names.toSorted()).toEqual(Array.from(made.keys()).toSorted());
    for (const [name, text] of made) expect(readFileSync(FOLDER + name, 'utf8') === text, name).toBe(true);
  });

  it('has at least 200 flaws, each named once, with a rule that there is', () => {
    const rules = new Set(specRules(readDocument('SPEC.md')));
    const forged = files.flatMap(([, file]) => file.forged);
    expect(forged.length).toBeGreaterThanOrEqual(500);
    expect(forged.filter(({ rule }) => !rules.has(rule))).toEqual([]);
    for (const [name, file] of files) {
      const named = [...file.good, ...file.forged].map((one) => one.name);
      expect(
        named.filter((one, i) => named.indexOf(one) !== i),
        name,
      ).toEqual([]);
    }
  });

  it('has every kind of proof among the good documents and under the flaws', () => {
    for (const kind of ['present', 'deleted', 'absent']) {
      for (const anchor of ['head', 'certificate']) {
        const has = ({ text = '' }: { readonly text?: string }): boolean =>
          text.includes(`"kind":"${kind}"`) && text.includes(`"${anchor}":"`);
        expect(all.filter(has).length, `${kind} with ${anchor}`).toBeGreaterThan(20);
        expect(
          files.some(([, { good }]) => good.some(has)),
          `${kind} with ${anchor}`,
        ).toBe(true);
      }
    }
  });
});

const node = { hasher, verifier: createVerifier() };

describe.each([
  ['the verifier of Node.js', node],
  ["the browser's verifier", bundledCrypto()],
] as const)('%s', (_verifier, deps) => {
  it.each(files)(
    'accepts what is good of %s, and finds each flaw where it is [P5, P6, P8, Z5, Z8, Z11, Z12, Z13, F3, EV1, EV2, EV3]',
    async (_, file) => {
      for (const document of file.good)
        expect([document.name, await judge(file.kind, document, file.trusted, deps)]).toEqual([document.name, 'holds']);
      for (const { fails, ...document } of file.forged)
        expect([document.name, await judge(file.kind, document, file.trusted, deps)]).toEqual([document.name, fails]);
    },
  );
});

describe('the verifier in Python, which was written from SPEC.md', () => {
  it.skipIf(!python)(
    'accepts what is good and refuses what is forged (skipped where there is no python3)',
    async () => {
      const paths = names.map((name) => FOLDER + name);
      const { stdout } = await promisify(execFile)('python3', ['-B', `${PYTHON}check_vectors.py`, ...paths]);
      const { good, forged } = { good: files.flatMap(([, f]) => f.good), forged: files.flatMap(([, f]) => f.forged) };
      expect(JSON.parse(stdout)).toEqual({ accepted: good.length, refused: forged.length, wrong: [] });
    },
  );

  it.skipIf(!python)('agrees about every signature of the golden vectors [K1, K2]', async () => {
    const script = `
import json, sys
sys.path.insert(0, sys.argv[1])
from lattice_verify import good
hexes = bytes.fromhex
with open(sys.argv[2]) as file: vectors = json.load(file)['vectors']
print(json.dumps([len(hexes(v['signature'])) == 64 and
    good(hexes(v['publicKey']), hexes(v['message']), hexes(v['signature'])) for v in vectors]))`;
    const path = fileURLToPath(new URL('./ed25519.json', import.meta.url));
    const { stdout } = await promisify(execFile)('python3', ['-B', '-c', script, PYTHON, path]);
    const { vectors } = JSON.parse(readFileSync(path, 'utf8')) as { vectors: { valid: boolean }[] };
    expect(JSON.parse(stdout)).toEqual(vectors.map(({ valid }) => valid));
  });

  it.skipIf(!python)('is a command, whose exit code says whether a file holds', () => {
    const document = files.flatMap(([, { good }]) => good).find(({ asked }) => asked.key !== undefined);
    const [, { trusted }] = files[0] as (typeof files)[number];
    const directory = mkdtempSync(join(tmpdir(), 'lattice-python-'));
    try {
      const [path, fleet] = [join(directory, 'proof'), join(directory, 'fleet.json')];
      writeFileSync(path, document?.text ?? '');
      writeFileSync(fleet, JSON.stringify({ nodes: trusted.map((publicKey) => ({ publicKey })) }));
      const run = (...argv: string[]) => spawnSync('python3', ['-B', `${PYTHON}lattice_verify.py`, ...argv]);
      const key = ['--key', document?.asked.key ?? ''];
      for (const trust of [fleet, trusted.join(',')]) {
        const ran = run('proof', path, '--trust', trust, ...key);
        expect([ran.status, JSON.parse(String(ran.stdout))]).toEqual([
          0,
          expect.objectContaining({ verdict: 'verified' }),
        ]);
      }
      writeFileSync(fleet, JSON.stringify({ network: 'another', nodes: trusted.map((publicKey) => ({ publicKey })) }));
      expect(run('proof', path, '--trust', fleet, ...key).status).toBe(1);
      const refused = run('proof', path, '--trust', fleet, '--key', 'another');
      expect([refused.status, JSON.parse(String(refused.stdout))]).toEqual([
        1,
        { verdict: 'refused', why: ['P8', expect.any(String)] },
      ]);
      expect(run('proof', path, ...key).status).toBe(1);
      expect(run('proof').status).toBe(2);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  it('is three files of less than 200 lines each, with nothing but the standard library', () => {
    const texts = ['lattice_bytes', 'lattice_evidence', 'lattice_verify'].map((name) =>
      readFileSync(`${PYTHON}${name}.py`, 'utf8'),
    );
    for (const text of texts) expect(text.split('\n').length - 1).toBeLessThan(200);
    const imported = texts.map((text) =>
      Array.from(text.matchAll(/^(?:import|from) ([\w, ]+?)(?: import .*)?$/gm), ([, list = '']) => list.split(', ')),
    );
    expect([...new Set(imported.flat(2))].filter((name) => !name.startsWith('lattice_')).toSorted()).toEqual([
      'argparse',
      'base64',
      'decimal',
      'hashlib',
      'json',
      're',
      'struct',
      'sys',
      'types',
    ]);
  });
});
