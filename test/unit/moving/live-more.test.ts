import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { createVerifier, systemClock } from '../../../src/adapters/system/index.ts';
import { createLiveMemory, type LiveOptions, planLive } from '../../../src/moving/live.ts';
import type { AuditRecord, Part, Plan } from '../../../src/moving/plan.ts';
import { readTelemetry } from '../../../src/moving/telemetry.ts';
import { startOriginalNode, VAULT_DIR } from '../../support/original-node.ts';
import { contentBundle, sha256, writeOriginalVault } from '../../support/original-vault.ts';
import { context, fingerprint, rootOf } from './support.ts';

const FIXTURE = resolve(import.meta.dirname, '../../fixtures/original/telemetry.db');
const ending: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ending.splice(0)) await end();
});

const OPTIONS: LiveOptions = { verifier: createVerifier(), signers: [], mustSign: false, clock: systemClock() };
const recordsOf = ({ items }: Pick<Plan, 'items'>): AuditRecord[] =>
  items.flatMap((item) => (item.kind === 'records' ? item.records : []));
const objectsOf = ({ items }: Plan) => items.flatMap((item) => (item.kind === 'object' ? item : []));
const refusedOf = ({ refused }: Plan) => refused.map(({ what, code }) => [what, code]);

/** A node that answers its state and what else is given, by path. Tells which paths were asked for. */
async function serve(answers: Readonly<Record<string, unknown>>): Promise<{ url: string; asked: string[] }> {
  const asked: string[] = [];
  const all: Readonly<Record<string, unknown>> = {
    '/api/lattice/state': {
      success: true,
      merkle_root: rootOf({ a: 1 }),
      state: { a: 1 },
      state_size: 1,
      signed: false,
    },
    ...answers,
  };
  const server = createServer((request: IncomingMessage, response) => {
    const path = (request.url ?? '').replace(/\?.*/, '');
    asked.push(request.url ?? '');
    const answer = all[path];
    if (answer === undefined) response.writeHead(404).end('{"detail":"Not Found"}');
    else if (typeof answer === 'number') response.writeHead(answer).end('{"detail":"no"}');
    else response.end(typeof answer === 'string' ? answer : JSON.stringify(answer));
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  ending.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}
const lists = (bundles: readonly unknown[], functions: object = {}) => ({
  '/api/persistence/bundles': { success: true, bundles, count: bundles.length },
  '/api/vault/list': { success: true, functions, count: 0 },
});
const row = (hash: string) => ({
  content_hash: hash,
  intent_name: 'one',
  bundle_path: `x/${hash.slice(0, 16)}.ae_bundle`,
});

describe('what a running node of the original serves beside its state', () => {
  it('is its executions, its attacks and its bundles, as its own files have them [I7, I18]', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'lattice-live-'));
    ending.push(() => rmSync(dir, { recursive: true }));
    const { contents, files, functions } = writeOriginalVault(join(dir, VAULT_DIR));
    const database = await readTelemetry({ kind: 'telemetry', at: FIXTURE }, context());
    const rowsOf = (kind: string) =>
      recordsOf({ items: [...database.items] })
        .filter((record) => record.kind === kind)
        .map((record) => record.row)
        .toReversed();
    const original = await startOriginalNode(dir, { executions: rowsOf('execution'), attacks: rowsOf('attack') });
    ending.push(() => original.stop());
    await original.put('a', '1.0');
    const before = fingerprint(join(dir, VAULT_DIR));

    const plan = await planLive(original.url, OPTIONS, context());
    expect(plan.items.map(({ kind }) => kind)).toEqual(['entries', 'records', 'object', 'object']);
    // The ids are over the rows, so that its telemetry.db adds nothing to them.
    expect(recordsOf(plan)).toEqual(recordsOf({ items: [...database.items] }));
    const fileOf = (hash: string): string => files.get(`bundles/${hash.slice(0, 16)}.ae_bundle`) ?? '';
    const objects = objectsOf(plan).map(({ name, hash, checked }) => `${name} ${hash} ${String(checked.verified)}`);
    expect(objects.toSorted()).toEqual(
      contents.map(({ hash }) => `${hash.slice(0, 16)}.ae_bundle ${sha256(fileOf(hash))} true`).toSorted(),
    );
    expect(plan.refused).toEqual([]);
    const remarks = plan.remarks.join('\n');
    expect(remarks).toContain('It lists 2 functions that it does not give');
    for (const { name } of functions) expect(remarks).toContain(JSON.stringify(name));
    expect(remarks).toContain('no certificates, signed bundles and precedents, no wal.log and no metrics');
    expect(fingerprint(join(dir, VAULT_DIR))).toBe(before);
  });

  it('is read in rounds from where the last one ended, and again where that was not taken [I8]', async () => {
    const { hash, bundle } = contentBundle('one', 'intent one()');
    const executions = Array.from({ length: 3 }, (_, i) => ({
      id: 3 - i,
      tx_id: 't',
      intent_name: 'i',
      status: 'PROVED',
      timestamp: 3 - i,
    }));
    const stats = { success: true, executions: { total_executions: 3 }, attacks: { total_attacks_blocked: 0 } };
    const { url, asked } = await serve({
      ...lists([row(hash)]),
      [`/api/persistence/bundle/${hash}`]: { success: true, bundle },
      '/api/persistence/stats': stats,
      '/api/persistence/executions': { success: true, executions },
      '/api/persistence/attacks': { success: true, attacks: [] },
    });
    const memory = createLiveMemory();
    const round = async (): Promise<string[]> => {
      asked.length = 0;
      await planLive(url, { ...OPTIONS, memory }, context());
      return asked.filter((path) => /bundle\/|executions|attacks/.test(path)).map((path) => path.replace(hash, 'HASH'));
    };
    const all = [
      '/api/persistence/executions?limit=-1',
      '/api/persistence/attacks?limit=-1',
      '/api/persistence/bundle/HASH',
    ];
    expect(await round()).toEqual(all);
    expect(await round()).toEqual(all);
    memory.keep();
    expect(await round()).toEqual([]);
    stats.executions.total_executions = 10;
    expect(await round()).toEqual(['/api/persistence/executions?limit=107']);
  });

  it('is one part of it where that is asked for, of a node whose state verifies [I18]', async () => {
    const { url, asked } = await serve({
      ...lists([]),
      '/api/persistence/executions': { success: true, executions: [] },
    });
    const only = async (...parts: Part[]): Promise<Plan> =>
      await planLive(url, { ...OPTIONS, parts: new Set(parts) }, context());
    expect((await only('vault')).items).toEqual([]);
    expect(asked).toEqual(['/api/lattice/state', '/api/persistence/bundles', '/api/vault/list']);
    asked.length = 0;
    expect((await only('state')).items).toHaveLength(1);
    expect(asked).toEqual(['/api/lattice/state']);
    const liar = await serve({ ...lists([]), '/api/lattice/state': { merkle_root: rootOf({}), state: { a: 1 } } });
    expect((await planLive(liar.url, OPTIONS, context())).refused).toMatchObject([{ code: 'snapshot-root-mismatch' }]);
    expect(liar.asked.filter((path) => path.includes('persistence') || path.includes('vault'))).toEqual([]);
  });

  it('is refused by name where it is not what it says, and the rest is taken [I2, I9, Q2]', async () => {
    const [good, changed, wrong] = ['good', 'changed', 'wrong'].map((name) => contentBundle(name, `intent ${name}()`));
    const hashes = [good, changed, wrong].map((one) => one?.hash ?? '');
    const { url } = await serve({
      ...lists([
        ...hashes.map(row),
        row('f'.repeat(64)),
        row('e'.repeat(64)),
        { content_hash: '../../etc/passwd', bundle_path: 'x' },
        7,
      ]),
      [`/api/persistence/bundle/${hashes[0]}`]: { success: true, bundle: good?.bundle },
      [`/api/persistence/bundle/${hashes[1]}`]: { success: true, bundle: { ...changed?.bundle, code: 'another' } },
      [`/api/persistence/bundle/${'e'.repeat(64)}`]: { success: true, bundle: good?.bundle },
      [`/api/persistence/bundle/${hashes[2]}`]: { success: true, bundle: { content_hash: hashes[2] } },
      '/api/persistence/executions': { success: true, executions: [{ id: 1, tx_id: 7 }, [], { tx_id: 't' }] },
      '/api/persistence/attacks': { success: false, message: 'database is locked', attacks: [] },
    });
    const plan = await planLive(url, OPTIONS, context());
    expect(objectsOf(plan).map(({ name }) => name)).toEqual([`${hashes[0]?.slice(0, 16)}.ae_bundle`]);
    expect(refusedOf(plan)).toEqual([
      ['3 of 3 executions', 'invalid-record'],
      ['attacks', 'unexpected-answer'],
      [expect.stringContaining(hashes[1]?.slice(0, 16) ?? ''), 'vault-file-mismatch'],
      [hashes[2], 'vault-file-malformed'],
    ]);
    expect(plan.refused[1]?.reason).toContain('database is locked');
    expect(plan.remarks.join()).toMatch(
      /It lists 2 bundles that it does not give: "one" \((f{12}|e{12})\), "one" \((f{12}|e{12})\)/,
    );
  });

  it('is bounded: too many rows, too large a file, and JSON that is none [I7]', async () => {
    const { hash, bundle } = contentBundle('huge', 'x'.repeat(3 * 1024 * 1024));
    const rows = Array.from({ length: 100_001 }, () => 0);
    const { url } = await serve({
      ...lists([row(hash)], Object.fromEntries(Array.from({ length: 10_001 }, (_, i) => [sha256(String(i)), {}]))),
      [`/api/persistence/bundle/${hash}`]: { success: true, bundle },
      '/api/persistence/executions': { success: true, executions: rows },
      '/api/persistence/attacks': '[[[[',
    });
    const plan = await planLive(url, OPTIONS, context());
    expect(refusedOf(plan)).toEqual([
      ['executions', 'audit-full'],
      ['attacks', 'unexpected-answer'],
      ['/api/vault/list', 'vault-too-large'],
      [hash, 'answer-too-large'],
    ]);
    expect(plan.items).toHaveLength(1);
  });

  it('is taken with the functions, where a node gives these [I18]', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'lattice-live-'));
    ending.push(() => rmSync(dir, { recursive: true }));
    const { functions, files } = writeOriginalVault(dir);
    const { url } = await serve({
      ...lists([], Object.fromEntries(functions.map(({ hash, name }) => [hash, { intent_name: name }]))),
      ...Object.fromEntries(
        functions.map(({ hash, entry }) => [`/api/vault/${hash}`, { success: true, function: entry }]),
      ),
    });
    const plan = await planLive(url, OPTIONS, context());
    expect(
      objectsOf(plan)
        .map(({ name, hash }) => `${name} ${hash}`)
        .toSorted(),
    ).toEqual(functions.map(({ hash }) => `${hash}.json ${sha256(files.get(`${hash}.json`) ?? '')}`).toSorted());
    expect(plan.remarks.join()).not.toContain('does not give');
  });
});
