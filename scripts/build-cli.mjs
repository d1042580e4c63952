// Builds dist/cli, as tsc has made it, into few files with the libraries that it uses: reading and linking some 1,800
// modules takes longer than all else that a node does at its start. Libraries that have files of their own beside their
// code, or may be absent, stay outside. The licences of those inside stand in third-party-licences.txt.
import { chmodSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const at = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));
const OUTSIDE = new Set(['classic-level', 'sql.js', 'aws4fetch', 'pino', 'yaml']);
/** A library and what it does without where that is not installed. A development dependency would be taken for it. */
const ABSENT = { importer: /\/node_modules\/debug\//, id: 'supports-color' };
const BUNDLE = at('dist/cli-bundle');

/** The folders of the packages, node_modules within others too, of which modules are inside. */
function packagesOf(chunks) {
  const modules = chunks.flatMap((chunk) => chunk.moduleIds ?? []);
  const folders = modules.flatMap((id) => /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(id)?.[0] ?? []);
  return [...new Set(folders)].sort((a, b) => (a < b ? -1 : 1));
}

function licenceOf(folder) {
  const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const files = readdirSync(folder).filter((file) => /^(licen[cs]e|copying|notice)/i.test(file));
  const texts = files.map((file) => readFileSync(join(folder, file), 'utf8').trim());
  return `${name} ${version} (${license})\n\n${texts.join('\n\n')}`;
}

const bundle = await rolldown({
  input: at('dist/cli/main.js'),
  platform: 'node',
  external: (id, importer = '') => OUTSIDE.has(id) || (id === ABSENT.id && ABSENT.importer.test(importer)),
  onLog(level, log) {
    // Libraries read their own source with eval in places that no code of ours reaches; all else is for us to mend.
    if (level === 'warn' && !/node_modules/.test(`${log.id ?? ''}${log.message}`)) throw new Error(log.message);
  },
});
const { output } = await bundle.write({
  dir: BUNDLE,
  format: 'cjs',
  entryFileNames: '[name].js',
  chunkFileNames: '[name]-[hash].js',
});
await bundle.close();
writeFileSync(
  join(BUNDLE, 'third-party-licences.txt'),
  `${packagesOf(output)
    .map(licenceOf)
    .join(`\n\n${'-'.repeat(80)}\n\n`)}\n`,
);
writeFileSync(join(BUNDLE, 'package.json'), `${JSON.stringify({ type: 'commonjs' })}\n`);
rmSync(at('dist/cli'), { recursive: true });
renameSync(BUNDLE, at('dist/cli'));
chmodSync(at('dist/cli/main.js'), 0o755);
