import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach } from 'vitest';
import { nodeHasher } from '../../../src/adapters/system/index.ts';
import { type OriginalValue, parseOriginalJson } from '../../../src/core/original/json.ts';
import { originalRoot } from '../../../src/core/original/root.ts';
import type { Plan, ReadContext } from '../../../src/moving/plan.ts';

const made: string[] = [];
afterEach(() => {
  for (const dir of made.splice(0)) rmSync(dir, { recursive: true, force: true });
});

/** A directory with these files, which is removed after the test. */
export function directoryOf(files: Readonly<Record<string, string>>): string {
  const dir = mkdtempSync(join(tmpdir(), 'lattice-original-'));
  made.push(dir);
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(dir, name)), { recursive: true });
    writeFileSync(join(dir, name), text);
  }
  return dir;
}

/** A digest of every file and directory below a path, with the times of their last change. */
export function fingerprint(path: string): string {
  const hash = createHash('sha256');
  const visit = (at: string): void => {
    const stats = statSync(at);
    hash.update(`${at} ${stats.mtimeMs} ${stats.mode}\n`);
    if (stats.isDirectory()) for (const name of readdirSync(at).toSorted()) visit(join(at, name));
    else hash.update(readFileSync(at));
  };
  visit(path);
  return hash.digest('hex');
}

export const context = (change: Partial<ReadContext> = {}): ReadContext => ({
  hasher: nodeHasher(),
  unverified: false,
  ...change,
});

export function rootOf(state: object | string): string {
  const text = typeof state === 'string' ? state : JSON.stringify(state);
  return originalRoot(parseOriginalJson(text) as ReadonlyMap<string, OriginalValue>, nodeHasher());
}

/** The text of a snapshot.json with the root of its state, or with another one. */
export function snapshotText(state: object, change: object = {}): string {
  return JSON.stringify({ state, merkle_root: rootOf(state), timestamp: 1_767_225_600.5, ...change }, undefined, 2);
}

/** The keys of each item of a plan, with whether they are verified. */
export function keysOf(plan: Plan): readonly (readonly [boolean, readonly string[]])[] {
  return plan.items.map((item) => [
    item.checked.verified,
    item.kind === 'entries' ? item.entries.map(([key]) => key) : [],
  ]);
}
