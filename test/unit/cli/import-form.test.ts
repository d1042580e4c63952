import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ItemReport, Refusal } from '../../../src/moving/plan.ts';
import { writeOriginalVault } from '../../support/original-vault.ts';
import { walText } from '../../support/original-wal.ts';
import { type LiveNode, startLiveNode } from '../api/live-node.ts';
import { TOKEN } from '../api/support.ts';
import { rootOf, snapshotText } from '../moving/support.ts';
import { run } from './support.ts';

let node: LiveNode;
let dir: string;
let live: Server | undefined;
beforeAll(async () => {
  node = await startLiveNode();
  dir = mkdtempSync(join(tmpdir(), 'lattice-form-'));
});
afterAll(async () => {
  live?.close();
  await node.end();
  rmSync(dir, { recursive: true, force: true });
});

const DATABASE = new URL('../../fixtures/original/telemetry.db', import.meta.url).pathname;

/** Makes a source and gives its path, or its URL where it runs. */
const SOURCES: Readonly<Record<string, () => string | Promise<string>>> = {
  snapshot: () => written('snapshot.json', snapshotText({ 'form/snapshot': 1 })),
  'snapshot that is refused': () => written('wrong.json', snapshotText({ 'form/wrong': 1 }, { merkle_root: 'ab' })),
  'broken file': () => written('broken.json', '{"state": '),
  directory() {
    const path = join(dir, 'directory');
    mkdirSync(path);
    writeFileSync(join(path, 'snapshot.json'), snapshotText({ 'form/directory': 1 }));
    copyFileSync(DATABASE, join(path, 'telemetry.db'));
    return path;
  },
  log: () => written('wal.log', walText({}, [['PUT', 'form/log', 1]])),
  vault() {
    const path = join(dir, 'vault');
    mkdirSync(path);
    return writeOriginalVault(path).directory;
  },
  bundle() {
    const path = join(dir, 'bundles');
    mkdirSync(path);
    const { directory, contents } = writeOriginalVault(path, 'form_');
    return join(directory, 'bundles', `${contents[0]?.hash.slice(0, 16)}.ae_bundle`);
  },
  'running original': async () => {
    const body = { success: true, merkle_root: rootOf({ 'form/live': 1 }), state: { 'form/live': 1 }, signed: false };
    live = createServer((request, response) => {
      if (request.url === '/api/lattice/state') response.end(JSON.stringify(body));
      else response.writeHead(404).end();
    });
    await new Promise<void>((resolve) => live?.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(live.address() as AddressInfo).port}`;
  },
  'telemetry.db': () => DATABASE,
  NDJSON: () => written('keys.ndjson', '{"key":"form/ndjson","value":1}\n'),
  CSV: () => written('keys.csv', 'key,value\nform/csv,1\n'),
};

function written(name: string, text: string): string {
  const path = join(dir, name);
  writeFileSync(path, text);
  return path;
}

const keysOf = (value: object): string => Object.keys(value).toSorted().join();

describe('the report of an import', () => {
  it.each(Object.entries(SOURCES))('of a %s has one form, planned and carried out [I19]', async (_, make) => {
    const path = await make();
    for (const more of [['--dry-run'], []]) {
      const argv = ['import', path, '--url', node.url, '--json', ...more];
      const { out, code } = await run(argv, { env: { DIOTEC360_API_TOKEN: TOKEN } });
      const report = JSON.parse(out) as { items: ItemReport[]; refused: Refusal[]; dryRun: boolean; totals: object };
      expect(keysOf(report)).toBe('dryRun,from,items,refused,remarks,totals');
      expect(keysOf(report.totals)).toBe('deleted,differing,known,taken');
      expect(report.dryRun).toBe(more.length > 0);
      expect(report.items.length + report.refused.length).toBeGreaterThan(0);
      expect(code === 0).toBe(report.refused.length === 0);
      for (const item of report.items) {
        expect(keysOf(item)).toBe('checked,deleted,differing,kind,known,source,taken');
        expect(keysOf(item.checked)).toBe(item.checked.verified ? 'by,verified' : 'because,verified');
      }
      for (const { source, code: reason, next } of report.refused)
        expect([source.at, reason, next]).toEqual([path, expect.any(String), expect.any(String)]);
    }
  });
});
