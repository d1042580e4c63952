import { posix } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { proseOf } from '../docs/support.ts';
import { read, run } from './support.ts';

/** What stands in the package, as npm itself lists it. */
let packed: readonly string[];
beforeAll(() => {
  const { status, output } = run('npm', ['pack', '--dry-run', '--json', '--ignore-scripts', '--loglevel=silent']);
  expect(status, output).toBe(0);
  const [one] = JSON.parse(output) as readonly { readonly files: readonly { readonly path: string }[] }[];
  packed = (one?.files ?? []).map(({ path }) => path);
});

/** The files that a document links to or shows, relative to the package. */
function targetsOf(path: string): readonly string[] {
  const targets = Array.from(proseOf(read(path)).matchAll(/\]\(([^)\s]+)\)/g), ([, target]) => target as string);
  return targets
    .filter((target) => !/^[a-z]+:/.test(target) && !target.startsWith('#'))
    .map((target) => posix.normalize(posix.join(posix.dirname(path), target.replace(/#.*$/, ''))));
}

describe('the npm package', () => {
  it('has every file and folder that its README and guides link to', () => {
    const documents = packed.filter((path) => path.endsWith('.md'));
    expect(documents.length).toBeGreaterThan(30);
    const isThere = (target: string): boolean =>
      packed.includes(target) || packed.some((path) => path.startsWith(`${target.replace(/\/$/, '')}/`));
    const missing = documents.flatMap((document) =>
      targetsOf(document).flatMap((target) => (isThere(target) ? [] : `${document}: ${target}`)),
    );
    expect(missing).toEqual([]);
  });

  it('has what its guides run, and neither tests nor sources nor anything of a fleet', () => {
    for (const path of [
      'samples/snapshot-6-keys.json',
      'deploy/systemd/diotec360-lattice@.service',
      'SPEC.md',
      'LICENSE',
    ])
      expect(packed).toContain(path);
    expect(
      packed.filter((path) => /^(src|test|bench|scripts|dashboard)\/|\.(key|proof)$|^\.lattice/.test(path)),
    ).toEqual([]);
  });
});
