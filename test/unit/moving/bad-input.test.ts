import { appendFileSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { planPaths } from '../../../src/moving/make-plan.ts';
import type { Plan } from '../../../src/moving/plan.ts';
import { readWholeText } from '../../../src/moving/read-file.ts';
import { READERS } from '../../../src/moving/readers.ts';
import { contentBundle, fileText } from '../../support/original-vault.ts';
import { walText } from '../../support/original-wal.ts';
import { context, directoryOf, fingerprint, snapshotText } from './support.ts';

const plan = async (dir: string, unverified: boolean): Promise<Plan> =>
  await planPaths([dir], [], READERS, context({ unverified }));
const lines = (text: string): string[] => text.trim().split('\n');
const good = contentBundle('good', 'intent good()');
const goodFile = `bundles/${good.hash.slice(0, 16)}.ae_bundle`;
const rowOf = (path: string): string =>
  fileText({ [good.hash]: { intent_name: 'good', bundle_path: path, timestamp: 1.5 } });
const wal = walText({}, [
  ['PUT', 'a', 1],
  ['PUT', 'b', 2],
  ['PUT', 'c', 3],
]);

interface Case {
  readonly files: Readonly<Record<string, string>>;
  /** Makes what is no plain text. */
  make?(dir: string): void;
  /** It is too large, or leads too far, for its bytes to be compared. */
  readonly isUncompared?: boolean;
  /** The code of the one refusal, and what its reason has in it. */
  readonly code: string;
  readonly reason: RegExp;
}

/** Beside each of them lies a bundle that verifies, which is taken all the same. */
const CASES: Readonly<Record<string, Case>> = {
  'JSON that is broken, with line and column': {
    files: { 'snapshot.json': '{\n  "state": {"a": 1},\n  "merkle_root" "x"}' },
    code: 'snapshot-malformed',
    reason: /line 3, column 17/,
  },
  'a file that ends in the middle': {
    files: { 'snapshot.json': snapshotText({ a: 1 }).slice(0, 40) },
    code: 'snapshot-malformed',
    reason: /line \d+, column \d+/,
  },
  'a bomb of depth': {
    files: { 'snapshot.json': `{"state": ${'{"a":'.repeat(200_000)}` },
    code: 'snapshot-malformed',
    reason: /nesting/,
  },
  'a bomb of size': {
    files: { 'snapshot.json': '{"state": {' },
    make: (dir) => truncateSync(join(dir, 'snapshot.json'), 256 * 1024 * 1024 + 1),
    isUncompared: true,
    code: 'file-too-large',
    reason: /^it has more than 268435456 bytes/,
  },
  'what is no text': {
    files: { 'snapshot.json': '' },
    make: (dir) => writeFileSync(join(dir, 'snapshot.json'), Buffer.of(0x7b, 0xff, 0x7d)),
    isUncompared: true,
    code: 'file-unreadable',
    reason: /^it cannot be read: it is not UTF-8 text/,
  },
  'a bundle of more than a MiB': {
    files: { 'vault/bundles/huge.ae_bundle': '{' },
    make: (dir) => truncateSync(join(dir, 'vault/bundles/huge.ae_bundle'), 1024 * 1024 + 1),
    code: 'file-too-large',
    reason: /more than the 1048576/,
  },
  'a row of the index whose path leaves the directory': {
    files: { 'vault/index.json': rowOf('../../../outside.ae_bundle').replace(good.hash, 'ab'.repeat(32)) },
    code: 'vault-file-mismatch',
    reason: /no file that was taken has this hash/,
  },
  'a link that leaves the directory': {
    files: {},
    make: (dir) => symlinkSync('/etc/passwd', join(dir, 'vault/bundles/out.ae_bundle')),
    isUncompared: true,
    code: 'file-unreadable',
    reason: /only regular files are read/,
  },
  'a log with a broken line': {
    files: { 'wal.log': `${lines(wal).slice(0, 2).join('\n')}\n{"sequence_number": oh}\n` },
    code: 'wal-malformed',
    reason: /column \d+/,
  },
  'a log whose lines in the middle are missing': {
    files: { 'wal.log': `${[...lines(wal).slice(0, 2), ...lines(wal).slice(4)].join('\n')}\n` },
    code: 'wal-unanchored',
    reason: /which is not verified/,
  },
  'a database that is none': {
    files: { 'telemetry.db': 'SQLite format 3\0 and no more' },
    code: 'database-malformed',
    reason: /./,
  },
  'text in place of a database': {
    files: { 'telemetry.db': '{"executions": []}' },
    code: 'database-malformed',
    reason: /./,
  },
};

describe('what is wrong at the source', () => {
  it.each(Object.entries(CASES))(
    '%s is refused by name, with what to do, and nothing there is changed [I4]',
    async (_, one) => {
      const outside = directoryOf({ 'outside.ae_bundle': fileText(contentBundle('outside', 'secret').bundle) });
      const dir = directoryOf({ [`vault/${goodFile}`]: fileText(good.bundle), ...one.files });
      const before = [fingerprint(outside)];
      one.make?.(dir);
      if (one.isUncompared !== true) before.push(fingerprint(dir));
      const { items, refused } = await plan(dir, false);
      expect(refused.map(({ code }) => code)).toEqual([one.code]);
      expect(refused[0]?.reason).toMatch(one.reason);
      expect(refused[0]?.reason, 'the path stands before it').not.toContain(dir);
      expect(refused[0]?.next ?? '', 'it says what to do').toMatch(/[.]$/);
      expect(items.map((item) => (item.kind === 'object' ? item.name : item.kind))).toEqual([goodFile.slice(8)]);
      await plan(dir, true);
      expect([fingerprint(outside), ...(one.isUncompared === true ? [] : [fingerprint(dir)])]).toEqual(before);
    },
  );

  it('a gap in the numbers of a log is told, while its roots lead on [I6]', async () => {
    const numbered = wal.replaceAll('"sequence_number": 3', '"sequence_number": 7');
    const found = await plan(directoryOf({ 'wal.log': numbered }), false);
    if (numbered === wal) expect.fail('the log numbers its lines otherwise');
    expect(found.remarks.join('\n')).toMatch(/Sequence numbers are missing: line \d+ has 7 after \d+/);
  });

  it('a file that changes while it is read is read again, and refused when it goes on changing [I4]', async () => {
    const dir = directoryOf({ 'snapshot.json': snapshotText({ a: 'x'.repeat(2_000_000) }) });
    const path = join(dir, 'snapshot.json');
    const settled = new AbortController();
    const changing = (async () => {
      for (; !settled.signal.aborted; await turn()) appendFileSync(path, ' ');
    })();
    await expect(readWholeText(path)).rejects.toMatchObject({ code: 'source-changed' });
    expect((await plan(dir, false)).refused.map(({ code }) => code)).toEqual(['source-changed']);
    settled.abort();
    await changing;
    writeFileSync(path, snapshotText({ a: 1 }));
    expect((await plan(dir, false)).refused).toEqual([]);
  });
});
