import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const read = (name: string): unknown => JSON.parse(readFileSync(new URL(`../../../${name}`, import.meta.url), 'utf8'));

interface LockFile {
  readonly packages: Readonly<Record<string, { readonly engines?: unknown }>>;
}

type Version = readonly [major: number, minor: number, patch: number];

function versionOf(text: string): Version {
  const parts = /^v?(\d+)(?:\.(\d+|[x*]))?(?:\.(\d+|[x*]))?(?:-[\w.]+)?$/.exec(text);
  if (parts === null) throw new Error(`a version that is not understood: ${text}`);
  return [Number(parts[1]), Number(parts[2] ?? 0) || 0, Number(parts[3] ?? 0) || 0];
}

function compared(a: Version, b: Version): number {
  return a[0] - b[0] || a[1] - b[1] || a[2] - b[2];
}

/** Whether a version meets one comparator of a range: `>=20.19`, `^22.12.0`, `~20.1`, `20`, `*`. */
function meets(version: Version, comparator: string): boolean {
  if (comparator === '*') return true;
  const [, operator = '', text = ''] = /^(>=|<=|>|<|=|\^|~)?(.+)$/.exec(comparator) ?? [];
  const bound = versionOf(text);
  const difference = compared(version, bound);
  if (operator === '>=') return difference >= 0;
  if (operator === '>') return difference > 0;
  if (operator === '<=') return difference <= 0;
  if (operator === '<') return difference < 0;
  if (operator === '^') return difference >= 0 && version[0] === bound[0];
  if (operator === '~') return difference >= 0 && version[0] === bound[0] && version[1] === bound[1];
  return text.split('.').every((part, i) => part === 'x' || part === '*' || Number(part) === version[i]);
}

/** Whether a version is in a range as npm reads it. Throws for a form that it does not know. */
function isIn(version: Version, range: string): boolean {
  return range.split('||').some((alternative) => {
    const comparators = alternative
      .trim()
      .replaceAll(/(>=|<=|>|<|=|\^|~)\s+/g, '$1')
      .split(/\s+/);
    return comparators.every((comparator) => comparator === '' || meets(version, comparator));
  });
}

const { engines } = read('package.json') as { readonly engines: { readonly node: string } };
const promised = versionOf(engines.node.replace(/^>=/, ''));

describe('a project that installs the package, whose npm knows nothing of our lock file and our overrides,', () => {
  const { dependencies, overrides } = read('package.json') as {
    readonly dependencies: Readonly<Record<string, string>>;
    readonly overrides: Readonly<Record<string, string>>;
  };
  const guide = readFileSync(new URL('../../../docs/embedding.md', import.meta.url), 'utf8');

  it('gets the versions that are pinned here', () => {
    expect(Object.values(dependencies).filter((version) => !/^\d+\.\d+\.\d+$/.test(version))).toEqual([]);
    // fastify takes any 6.x of it, of which the newest wants Node.js 22: as a dependency of the package it is this one.
    expect(dependencies['light-my-request']).toBe('6.6.0');
  });

  it('finds every override that is left in the guide, ready to be copied', () => {
    const told = Array.from(
      guide.matchAll(/^ *"overrides": (\{.*\})/gm),
      ([, text = '']) => JSON.parse(text) as unknown,
    );
    expect(told).toEqual([overrides]);
  });
});

describe('npm ci on the oldest Node.js that is promised', () => {
  it('gets no package that excludes it, so npm warns of no engine', () => {
    const { packages } = read('package-lock.json') as LockFile;
    const excluding = Object.entries(packages).flatMap(([path, { engines: wanted }]) => {
      const range = (wanted as { readonly node?: string } | undefined)?.node;
      return range === undefined || isIn(promised, range) ? [] : [`${path} wants Node.js ${range}`];
    });
    expect(Object.keys(packages).length).toBeGreaterThan(300);
    expect(excluding).toEqual([]);
  });

  it.each([
    ['>=22', false],
    ['>= 20.19.0', true],
    ['^20.19.0 || >=22.12.0', true],
    ['^22.13.0 || >=24', false],
    ['18 || 20 || >=22', true],
    ['20.x', true],
    ['>=18 <20', false],
    ['~20.18.0', false],
    ['*', true],
  ])('reads the range %s as npm does', (range, expected) => {
    expect(isIn(promised, range)).toBe(expected);
  });
});
