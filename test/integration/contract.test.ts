import { createPublicKey, verify } from 'node:crypto';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nodeHasher } from '../../src/adapters/system/hasher.ts';
import { readLegacyVault } from '../../src/api/routes/original/legacy-vault.ts';
import { vaultContents } from '../../src/core/original/vault/index.ts';
import { mismatch, originalEndpoints } from '../support/contract-forms.ts';
import { type LiveNode, type LiveNodes, startLiveNodes } from '../support/live-nodes.ts';

const VAULT = fileURLToPath(new URL('../fixtures/original/vault', import.meta.url));
/** In the vault: made by the json and hashlib modules of Python. */
const FUNCTION = '3d2c1fc17bb2c7bed2cda8080f1f6db360f72facc0fbfe2540021f62447fab11';
const DAMAGED_FUNCTION = 'ab'.repeat(32);
const CONTENT = 'c1367f9fd484dc7a771380d206c1d2486083abafa2fe94fd12dccea79fc4ffa8';
const DAMAGED_CONTENT = 'abe456f4507733109cc6f651761255e4abb89d53ddb010e4e36ea808acaa84aa';

/** What a vault directory of the original holds. */
const vaultIn = async (directory: string) =>
  vaultContents(await readLegacyVault(directory, new Set(), nodeHasher(), async (form) => form), nodeHasher());

describe('the contract of the original', () => {
  let live: LiveNodes;
  let node: LiveNode;
  let vaultDir: string;
  const ask = (method: string, path: string, headers: Record<string, string> = {}) =>
    node.api.send(method, path, { token: undefined, headers });
  const get = async (path: string) => (await ask('GET', path)).json() as Record<string, unknown>;

  beforeAll(async () => {
    // A node has a vault of its own below the directory.
    vaultDir = mkdtempSync(join(tmpdir(), 'lattice-contract-'));
    cpSync(VAULT, vaultDir, { recursive: true });
    live = await startLiveNodes(2, { VAULT_DIR: vaultDir, CORS_ORIGINS: 'https://app.example,http://127.0.0.1:5173' });
    node = live.nodes[0] as LiveNode;
    await node.api.put('account:ü', { balance: 1, list: [1.5, null] });
    await live.settled();
  });
  afterAll(async () => {
    await live?.stop();
    rmSync(vaultDir, { recursive: true, force: true });
  });

  it.each(originalEndpoints(CONTENT, FUNCTION))(
    '%s: %s %s answers with exactly its keys and their types [A11]',
    async (_, method, path, form) => {
      const answer = await ask(method, path);
      expect(answer.status).toBe(200);
      expect(answer.headers.get('content-type')).toBe('application/json; charset=utf-8');
      expect(mismatch(answer.json(), form)).toBeUndefined();
      // Compact, UTF-8 not escaped.
      expect(answer.text.replace(/"(?:[^"\\]|\\.)*"/g, '""')).not.toMatch(/\s/);
      expect(answer.text).not.toMatch(/\\u00[89a-f]/);
    },
  );

  it('the check of forms sees a key too many, one too few and another type', () => {
    expect(mismatch({ a: 1 }, { a: 'int' })).toBeUndefined();
    expect(mismatch({ a: 1, b: 1 }, { a: 'int' })).toContain('keys a,b');
    expect(mismatch({}, { a: 'int' })).toContain('keys');
    expect(mismatch({ a: [{ b: '1' }] }, { a: [{ b: 'int' }] })).toContain('answer.a[0].b');
  });

  it('every endpoint that / names exists', async () => {
    const { endpoints } = (await get('/')) as { endpoints: Record<string, string> };
    for (const path of Object.values(endpoints)) expect((await ask('GET', path)).status, path).not.toBe(404);
  });

  it('the state is signed over root:timestamp, and answers 304 to its own ETag', async () => {
    const answer = await ask('GET', '/api/lattice/state');
    const {
      merkle_root: root,
      timestamp,
      signature,
      state,
      state_size: size,
    } = answer.json() as Record<string, unknown>;
    expect([state, size]).toEqual([{ 'account:ü': { balance: 1, list: [1.5, null] } }, 1]);
    const key = createPublicKey({
      key: { kty: 'OKP', crv: 'Ed25519', x: Buffer.from(node.author, 'hex').toString('base64url') },
      format: 'jwk',
    });
    expect(
      verify(null, Buffer.from(`${String(root)}:${String(timestamp)}`), key, Buffer.from(String(signature), 'hex')),
    ).toBe(true);
    const etag = answer.headers.get('etag');
    expect(etag).not.toBeNull();
    const again = await ask('GET', '/api/lattice/state', { 'if-none-match': etag ?? '' });
    expect([again.status, again.text]).toEqual([304, '']);
    expect((await ask('GET', '/api/lattice/state', { 'if-none-match': '"other"' })).status).toBe(200);
  });

  it('peers are counted, the identity is that of the key, and the roots of both nodes are equal', async () => {
    expect(await get('/api/lattice/p2p/status')).toMatchObject({
      started: true,
      peer_count: 1,
      has_peers: true,
      error: null,
    });
    expect(await get('/api/lattice/p2p/identity')).toMatchObject({ peer_id: node.peerId });
    const other = (await live.nodes[1]?.api.send('GET', '/api/persistence/merkle-root'))?.json();
    expect(await get('/api/persistence/merkle-root')).toEqual(other);
    expect(await get('/api/persistence/integrity')).toMatchObject({ is_valid: true, status: 'VALID' });
  });

  it('the mode switch answers 200 and changes something with the token only', async () => {
    expect((await ask('POST', '/api/lattice/sync/switch?mode=http')).json()).toMatchObject({
      success: false,
    });
    expect((await node.api.send('POST', '/api/lattice/sync/switch?mode=http')).json()).toMatchObject({
      success: true,
      mode: 'HTTP',
    });
    expect(await get('/api/lattice/p2p/status')).toMatchObject({ http_sync_enabled: true });
    expect((await node.api.send('POST', '/api/lattice/sync/switch?mode=p2p')).json()).toMatchObject({ mode: 'P2P' });
    expect(await get('/api/lattice/p2p/status')).toMatchObject({ http_sync_enabled: false });
    expect((await node.api.send('POST', '/api/lattice/sync/switch')).json()).toMatchObject({
      success: true,
      mode: expect.stringMatching(/^(?:P2P|HTTP)$/) as unknown,
    });
    const bad = (await node.api.send('POST', '/api/lattice/sync/switch?mode=pigeon')).json();
    expect(bad).toMatchObject({ success: false, message: expect.stringMatching(/p2p.*http.*auto/) as unknown });
  });

  it('errors have its forms: 404, 405 and 422 [A11]', async () => {
    const form = async (method: string, path: string) => {
      const { status, text } = await ask(method, path);
      return [status, text];
    };
    for (const path of ['/api/none', '/api/persistence', '/api/vault', '/nothing']) {
      expect(await form('GET', path)).toEqual([404, '{"detail":"Not Found"}']);
    }
    for (const [method, path] of [
      ['DELETE', '/health'],
      ['POST', '/api/persistence/stats'],
      ['PUT', `/api/vault/${FUNCTION}`],
      ['GET', '/api/lattice/sync/switch'],
    ] as const) {
      expect(await form(method, path)).toEqual([405, '{"detail":"Method Not Allowed"}']);
    }
    for (const path of ['/api/persistence/executions?limit=many', '/api/persistence/attacks?limit=1.5', '/api/%ff']) {
      const [status, text] = await form('GET', path);
      expect(status).toBe(422);
      const { detail } = JSON.parse(String(text)) as { detail: object[] };
      expect(detail.map((item) => Object.keys(item))).toEqual([['loc', 'msg', 'type']]);
    }
    expect(await form('GET', `/api/persistence/bundle/${'00'.repeat(32)}`)).toEqual([
      404,
      '{"detail":"Bundle not found"}',
    ]);
    expect(await form('GET', `/api/vault/${'00'.repeat(32)}`)).toEqual([404, '{"detail":"Function not found"}']);
  });

  describe('its vault', () => {
    const bundle = (hash: string) =>
      get(`/api/persistence/bundle/${hash}`) as Promise<{
        bundle: Record<string, unknown>;
        integrity_verified: boolean;
      }>;

    it('bundles lists what the original counts: the rows of its index, then files that it does not list [I10]', async () => {
      const { bundles } = (await get('/api/persistence/bundles')) as { bundles: Record<string, unknown>[] };
      expect(bundles.map(({ content_hash: hash, integrity_verified: ok }) => [hash, ok])).toEqual([
        // No digest of the original is over its code, and the file may have been changed.
        [FUNCTION, false],
        [CONTENT, true],
        ['cd'.repeat(32), false],
        ['ef'.repeat(32), false],
        [DAMAGED_CONTENT, false],
        [DAMAGED_FUNCTION, false],
      ]);
      expect(bundles[1]).toEqual({
        content_hash: CONTENT,
        intent_name: 'pay',
        bundle_path: `bundles/${CONTENT.slice(0, 16)}.ae_bundle`,
        timestamp: 1770585433,
        integrity_verified: true,
      });
      expect((await get('/api/persistence/stats')).total_bundles).toBe(6);
    });

    it('a bundle says whether it is what its hash names', async () => {
      expect(await bundle(CONTENT)).toMatchObject({
        integrity_verified: true,
        bundle: { content_hash: CONTENT, code: 'intent pay(a, b):\n    guard á > 0\n' },
      });
      expect(await bundle(FUNCTION)).toMatchObject({
        integrity_verified: false,
        bundle: { function_hash: FUNCTION },
        claims: expect.arrayContaining([
          expect.objectContaining({ claim: 'bundle_signature', checked: true, holds: true }),
          expect.objectContaining({ claim: 'certificate.signature', checked: true, holds: true }),
          expect.objectContaining({ claim: 'code', checked: false }),
        ]),
      });
      expect(await bundle(DAMAGED_CONTENT)).toMatchObject({ integrity_verified: false });
      // The index calls it so, its content says otherwise.
      expect(await bundle('cd'.repeat(32))).toMatchObject({
        integrity_verified: false,
        bundle: { content_hash: CONTENT },
      });
    });

    it('numbers come as they were written, integers exact', async () => {
      const { text } = await ask('GET', `/api/vault/${FUNCTION}`);
      expect(text).toContain('"weights":[1,1.0,1e-07,1e+16,-0.0,12345678901234567890,0.1]');
      expect(text).toContain('"name":"ração"');
    });

    it('functions are an object by hash, and a damaged one says so', async () => {
      const { functions } = (await get('/api/vault/list')) as { functions: Record<string, Record<string, unknown>> };
      expect(Object.keys(functions)).toEqual([
        FUNCTION,
        CONTENT,
        'cd'.repeat(32),
        'ef'.repeat(32),
        DAMAGED_CONTENT,
        DAMAGED_FUNCTION,
      ]);
      expect(functions[FUNCTION]).toMatchObject({ intent_name: 'check_ração', status: 'MATHEMATICALLY_PROVED' });
      expect(functions['ef'.repeat(32)]).toMatchObject({ intent_name: 'outside', status: 'MISSING' });
      expect(functions[DAMAGED_FUNCTION]).toMatchObject({ status: 'CORRUPTED' });
      expect(await get(`/api/vault/${DAMAGED_FUNCTION}`)).toMatchObject({ integrity_verified: false });
      expect(await get(`/api/vault/${FUNCTION}`)).toMatchObject({
        success: true,
        function: { full_hash: FUNCTION },
        integrity_verified: false,
        claims: expect.arrayContaining([expect.objectContaining({ claim: 'logic_hash', checked: true, holds: true })]),
      });
    });

    it('files that others swapped for links are not followed, and what is no vault is empty', async () => {
      const dir = mkdtempSync(join(tmpdir(), 'lattice-vault-'));
      try {
        mkdirSync(join(dir, 'outside'));
        mkdirSync(join(dir, 'vault'));
        const secret = join(dir, 'outside', 'x.ae_bundle');
        writeFileSync(secret, JSON.stringify({ content_hash: '11'.repeat(32), code: 'secret' }));
        symlinkSync(secret, join(dir, 'vault', `${'11'.repeat(32)}.json`));
        symlinkSync(secret, join(dir, 'vault', 'index.json'));
        const look = async () => {
          const { rows, counts } = await vaultIn(join(dir, 'vault'));
          return [rows.size, counts.bundles];
        };
        symlinkSync(join(dir, 'outside'), join(dir, 'vault', 'bundles'));
        expect(await look()).toEqual([0, 0]);
        rmSync(join(dir, 'vault', 'bundles'));
        mkdirSync(join(dir, 'vault', 'bundles'));
        symlinkSync(secret, join(dir, 'vault', 'bundles', 'x.ae_bundle'));
        writeFileSync(join(dir, 'vault', 'bundles', 'a.ae_bundle'), 'no JSON');
        writeFileSync(join(dir, 'vault', 'bundles', 'b.ae_bundle'), Buffer.from([0x7b, 0xff]));
        writeFileSync(join(dir, 'vault', 'bundles', 'c.ae_bundle'), `"${'x'.repeat(2 * 1024 * 1024)}"`);
        mkdirSync(join(dir, 'vault', 'bundles', 'd.ae_bundle'));
        expect(await look()).toEqual([0, 0]);
        expect((await vaultIn(join(dir, 'nowhere'))).rows.size).toBe(0);
      } finally {
        rmSync(dir, { recursive: true, force: true });
      }
    });

    it.each(['ef'.repeat(32), '..%2Findex', '%2e%2e%2f%2e%2e%2fsnapshot', 'index', 'bundles', FUNCTION.toUpperCase()])(
      '%s reaches nothing outside of it',
      async (hash) => {
        expect((await ask('GET', `/api/persistence/bundle/${hash}`)).status).toBe(404);
        expect((await ask('GET', `/api/vault/${hash}`)).status).toBe(404);
      },
    );
  });

  describe('CORS', () => {
    const origin = 'https://app.example';
    it('answers a simple request of a configured origin, and of no other', async () => {
      expect((await ask('GET', '/api/status', { origin })).headers.get('access-control-allow-origin')).toBe(origin);
      expect(
        (await ask('GET', '/api/status', { origin: 'https://evil.example' })).headers.get(
          'access-control-allow-origin',
        ),
      ).toBeNull();
      expect((await get('/api/status')).cors_origins).toEqual([origin, 'http://127.0.0.1:5173']);
    });

    it('answers the preflight of a mode switch', async () => {
      const { status, headers } = await ask('OPTIONS', '/api/lattice/sync/switch', {
        origin,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization',
      });
      expect(status).toBe(204);
      expect(headers.get('access-control-allow-origin')).toBe(origin);
      expect(headers.get('access-control-allow-methods')).toContain('POST');
      expect(headers.get('access-control-allow-headers')).toContain('authorization');
    });
  });

  it('a browser that asks for / goes to the dashboard', async () => {
    const answer = await fetch(`${node.url}/`, { headers: { accept: 'text/html,*/*;q=0.8' }, redirect: 'manual' });
    // Where the dashboard was not built there is nothing to go to.
    if (answer.status !== 200)
      expect([answer.status, answer.headers.get('location')]).toEqual([
        302,
        expect.stringMatching(/^\/?dashboard\/?$/),
      ]);
  });

  it('the lines that operators look for come in their order', () => {
    const wanted = [
      /^LATTICE v\d.* - HYBRID SYNC PROTOCOL$/,
      /^environment loaded$/,
      /^state store ready$/,
      /^vault ready$/,
      /^persistence ready$/,
      /^P2P start/,
      /^HTTP sync activated$/,
      /^LATTICE READY - Hybrid Sync Active$/,
      /^HTTP peers monitored$/,
    ];
    const places = wanted.map((pattern) => node.lines.findIndex(({ msg }) => pattern.test(msg)));
    expect(places).not.toContain(-1);
    expect(places).toEqual(places.toSorted((a, b) => a - b));
    const outcome = node.lines.filter(({ msg }) => msg === 'P2P started');
    expect(outcome.map(({ fields }) => fields)).toEqual([expect.objectContaining({ peer: node.peerId })]);
    expect(node.lines.filter(({ component }) => component === '')).toEqual([]);
    expect(node.lines.find(({ msg }) => msg === 'vault ready')?.fields).toMatchObject({ bundles: 3 });
  });
});

describe('production', () => {
  it('without what it needs is in safe mode, which takes no writes and still answers', async () => {
    const live = await startLiveNodes(1, { ENVIRONMENT: 'production', CORS_ORIGINS: '*', P2P_ENABLED: 'false' });
    try {
      const [{ api }] = live.nodes as readonly [LiveNode];
      const status = (await api.send('GET', '/api/status')).json() as { violations: string[] };
      expect(status).toMatchObject({ production: true, safe_mode: true });
      expect(status.violations.join()).toContain('DIOTEC360_CORS_ORIGINS');
      const put = await api.send('PUT', '/api/v1/state/k', { body: 1 });
      expect([put.status, (put.json() as { code: string }).code]).toEqual([503, 'read-only']);
      const commit = await api.send('POST', '/api/v1/commits', {
        body: { operations: [{ op: 'put', key: 'k', value: 1 }] },
      });
      expect(commit.status).toBe(503);
      expect((await api.send('DELETE', '/api/v1/state/k')).status).toBe(503);
      expect((await api.send('GET', '/api/lattice/state')).json()).toMatchObject({ state: {}, state_size: 0 });
      expect((await api.send('GET', '/api/lattice/health')).json()).toMatchObject({
        components: { persistence: { status: 'unhealthy' } },
        unhealthy_components: ['persistence'],
      });
    } finally {
      await live.stop();
    }
  });
});
