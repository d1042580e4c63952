import { readdirSync, readFileSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { VERSION } from '../../../src/app/version.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const read = (path: string): string => readFileSync(ROOT + path, 'utf8');
const { version } = JSON.parse(read('package.json')) as { version: string };

/** Where a copy of the version would do harm: what runs, what is deployed, what people read. */
const SEARCHED = ['src', 'scripts', 'dashboard/src', 'dashboard/index.html', 'deploy', 'docs', 'examples', '.github'];
const SINGLE = ['README.md', 'SPEC.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', 'SECURITY.md'];
/** These name versions of other programs: Grafana and its panels, and the systems that were measured beside this one. */
const OF_OTHERS = ['deploy/grafana/', 'docs/performance.md'];

function filesIn(path: string): readonly string[] {
  if (statSync(ROOT + path).isFile()) return [path];
  return readdirSync(ROOT + path, { recursive: true, encoding: 'utf8' })
    .map((name) => `${path}/${name}`)
    .filter((name) => statSync(ROOT + name).isFile() && !name.endsWith('.png'));
}

/** Whether a text names `wanted` as a version of this software. A protocol name that ends in such a number is none. */
function namesVersion(text: string, wanted: string): boolean {
  const number = wanted.replaceAll(/[.+-]/g, String.raw`\$&`);
  return new RegExp(String.raw`(?:version\W{0,12}|\bv|lattice[-:/@])${number}(?![\w.+-]*\d)`, 'i').test(text);
}

describe('the version', () => {
  it('that a node tells is the one of the package', () => expect(VERSION).toBe(version));

  it('stands in package.json and in no other file', () => {
    const files = [...SEARCHED.flatMap(filesIn), ...SINGLE];
    expect(files.length).toBeGreaterThan(300);
    const searched = files.filter((path) => !OF_OTHERS.some((start) => path.startsWith(start)));
    expect(searched.filter((path) => namesVersion(read(path), version))).toEqual([]);
  });

  it.each([
    ["export const VERSION = '1.2.3';", true],
    ['LABEL org.opencontainers.image.version="1.2.3"', true],
    ['image: diotec360-lattice:1.2.3', true],
    ['the tag v1.2.3.', true],
    ['Version 1.2.3, not released', true],
    ['/diotec360/lattice/sync/1.2.3', false],
    ["version: '1.2.30'", false],
    ["version: '1.2.3.4'", false],
    ['libp2p 1.2.3', false],
  ])('is found where a text names it: %s', (text, expected) => {
    expect(namesVersion(text, '1.2.3')).toBe(expected);
  });

  it('is that of the lock file, which npm writes, and has a section in the changelog', () => {
    const lock = JSON.parse(read('package-lock.json')) as {
      version: string;
      packages: Record<string, { version?: string }>;
    };
    expect([lock.version, lock.packages['']?.version]).toEqual([version, version]);
    expect(read('CHANGELOG.md')).toContain(`\n## [${version}] - `);
  });
});
