import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { nodeHasher } from '../../../../../src/adapters/system/hasher.ts';
import { makeContentBundle, readVaultFile, vaultType } from '../../../../../src/core/original/vault/index.ts';
import { createMemoryVault, type MemoryVault } from '../../../../support/memory-vault.ts';
import { fileText, originalFunction, sha256, writeOriginalVault } from '../../../../support/original-vault.ts';
import { createAuthor, type TestAuthor, verifier } from '../../../runtime/support.ts';
import { type LiveLattice, startLattice } from '../../live-lattice.ts';
import { ask, auth, startApi, type TestApi } from '../../support.ts';

const directories: string[] = [];
afterEach(() => {
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true });
});
function newDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'lattice-vault-'));
  directories.push(directory);
  return directory;
}

const utf8 = new TextEncoder();
async function put(vault: MemoryVault, text: string, name: string): Promise<string> {
  const bytes = utf8.encode(text);
  const { kind } = readVaultFile(bytes, nodeHasher());
  async function* content() {
    yield bytes;
  }
  return (await vault.put(content(), { name, type: vaultType(kind) })).object.hash;
}

async function startWith(vault: MemoryVault, vaultDir?: string): Promise<TestApi> {
  const lattice: LiveLattice = { ...(await startLattice()), vault };
  return startApi({ lattice, verifier, ...(vaultDir === undefined ? {} : { root: { vaultDir } }) });
}

const post = async (api: TestApi, body: object, headers: Readonly<Record<string, string>> = auth) => {
  const answer = await ask(api.url, '/api/v1/vault/bundles', {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
  return { status: answer.status, body: answer.json() };
};
/** A bundle that its author signed. */
const bundleOf = ({ author, sign }: TestAuthor, code: string): string =>
  makeContentBundle(
    code,
    new Map([['intent_name', 'greet']]),
    {
      network: 'test',
      author,
      sign: (text) => Buffer.from(sign(utf8.encode(text))).toString('hex'),
      now: { ms: 1_770_000_000_000, iso: '2026-02-02T02:40:00.000Z' },
    },
    nodeHasher(),
  ).text;

type Claims = readonly { claim: string; checked: boolean; holds: boolean; reason: string }[];

describe("the original's endpoints over the vault of the fleet", () => {
  it('every file is answered as the original counts it, and what is whole in the vault is intact [I9, I10]', async () => {
    const { functions, contents, files, root } = writeOriginalVault(newDirectory());
    const vault = createMemoryVault();
    for (const [path, text] of files) await put(vault, text, path.split('/').at(-1) ?? '');
    const api = await startWith(vault);
    const list = (await api.ask('/api/vault/list')).json();
    expect([list['count'], Object.keys(list['functions'] as object)]).toEqual([
      4,
      [...functions.map(({ hash }) => hash), ...contents.map(({ hash }) => hash)],
    ]);
    expect((await api.ask('/api/persistence/bundles')).json()['count']).toBe(4);
    expect((await api.ask('/api/persistence/stats')).json()['total_bundles']).toBe(4);
    for (const { hash, entry, bundle } of functions) {
      const one = (await api.ask(`/api/vault/${hash}`)).json();
      expect(one).toMatchObject({ success: true, function: entry, integrity_verified: true });
      expect(Object.keys(one), 'wrapped as the original wraps it').toEqual([
        'success',
        'function',
        'integrity_verified',
        'claims',
      ]);
      const unchecked = (one['claims'] as Claims).filter(({ checked }) => !checked);
      expect(unchecked.map(({ claim }) => claim)).toEqual(['proof']);
      expect((await api.ask(`/api/persistence/bundle/${hash}`)).json()).toMatchObject({
        bundle,
        integrity_verified: true,
      });
    }
    expect((await api.ask('/api/v1/vault/original')).json()).toEqual({
      root,
      rows: 4,
      bundles: 4,
      certificates: 2,
      notHere: 0,
    });
  });

  it('an empty vault has no root, as in the original [I10]', async () => {
    const api = await startWith(createMemoryVault());
    expect((await api.ask('/api/v1/vault/original')).json()).toEqual({
      root: null,
      rows: 0,
      bundles: 0,
      certificates: 0,
      notHere: 0,
    });
  });

  it('what lies in the old directory too is listed once, and what lies there alone is not called intact [I10]', async () => {
    const { directory, functions, files } = writeOriginalVault(newDirectory());
    const [first, second] = functions;
    if (first === undefined || second === undefined) throw new Error('no functions');
    const vault = createMemoryVault();
    await put(vault, files.get(`${first.hash}.json`) ?? '', `${first.hash}.json`);
    const api = await startWith(vault, directory);
    expect((await api.ask('/api/vault/list')).json()['count']).toBe(4);
    expect((await api.ask(`/api/vault/${first.hash}`)).json()['integrity_verified']).toBe(true);
    const other = (await api.ask(`/api/vault/${second.hash}`)).json();
    expect(other['integrity_verified']).toBe(false);
    expect(other['claims']).toContainEqual({
      claim: 'code',
      about: 'content',
      checked: false,
      holds: false,
      reason: 'no digest in the file is over it',
    });
  });

  it('a changed file in the old directory does not hide the one in the vault [I10]', async () => {
    const made = originalFunction('sort_letters');
    const directory = newDirectory();
    writeFileSync(join(directory, `${made.hash}.json`), fileText({ ...made.entry, code: 'fn steal() {}' }));
    const vault = createMemoryVault();
    await put(vault, fileText(made.entry), `${made.hash}.json`);
    const api = await startWith(vault, directory);
    expect((await api.ask(`/api/vault/${made.hash}`)).json()).toMatchObject({ function: { code: made.entry['code'] } });
  });

  it('files whose bytes are not here are counted, and their hash says where to look [I10]', async () => {
    const made = originalFunction('sort_letters');
    const vault = createMemoryVault();
    vault.lose(await put(vault, fileText(made.entry), `${made.hash}.json`));
    const api = await startWith(vault);
    expect((await api.ask('/api/vault/list')).json()).toMatchObject({ count: 0, not_here: 1 });
    const answer = await api.ask(`/api/vault/${made.hash}`);
    expect([answer.status, answer.json()]).toEqual([
      404,
      {
        detail: 'Function not found',
        code: 'object-missing',
        next: "The bytes of 1 of the original's files are not on this node: ask another one, or wait.",
      },
    ]);
  });

  it('an object of the type that is no file of the original is passed over [I10]', async () => {
    const vault = createMemoryVault();
    async function* broken() {
      yield utf8.encode('{"full_hash": 1}');
    }
    await vault.put(broken(), { name: 'x.json', type: vaultType('function') });
    const api = await startWith(vault);
    expect((await api.ask('/api/vault/list')).json()).toEqual({ success: true, functions: {}, count: 0 });
  });
});

describe('bundles that a node makes', () => {
  it('a bundle of code has the digest of the original, and a signature over every byte [I11]', async () => {
    const vault = createMemoryVault();
    const api = await startWith(vault);
    const code = 'intent greet(á)\n';
    const made = await post(api, { code, metadata: { intent_name: 'greet' } });
    expect([made.status, made.body]).toEqual([
      201,
      {
        hash: expect.stringMatching(/^[0-9a-f]{64}$/),
        bundle: sha256(code),
        kind: 'content-bundle',
        name: `${sha256(code).slice(0, 16)}.ae_bundle`,
        created: true,
      },
    ]);
    const one = (await api.ask(`/api/persistence/bundle/${sha256(code)}`)).json();
    expect(one).toMatchObject({ bundle: { code, content_hash: sha256(code) }, integrity_verified: true });
    expect((one['claims'] as Claims).find(({ claim }) => claim === 'node_certificate')).toMatchObject({
      checked: true,
      holds: true,
      reason: `${api.lattice.self.author} signed every byte of it`,
    });
    expect(await post(api, { code })).toMatchObject({ status: 200, body: { created: false, hash: made.body['hash'] } });
  });

  it('the bundle of a function holds its entry and its certificate, which must verify [I11]', async () => {
    const made = originalFunction('sort_letters');
    const vault = createMemoryVault();
    const api = await startWith(vault);
    expect((await post(api, { function: made.hash })).status).toBe(404);
    await put(vault, fileText(made.entry), `${made.hash}.json`);
    const broken = await put(vault, fileText({ ...made.certificate, message: 'another' }), `${made.hash}.cert.json`);
    await expect.poll(async () => (await api.ask('/api/v1/vault/original')).json()).toMatchObject({ certificates: 1 });
    expect(await post(api, { function: made.hash })).toMatchObject({
      status: 422,
      body: { code: 'vault-file-mismatch' },
    });
    await vault.remove(broken);
    await put(vault, fileText(made.certificate), `${made.hash}.cert.json`);
    await expect.poll(async () => (await post(api, { function: made.hash })).status).toBe(201);
    await expect
      .poll(async () => (await api.ask(`/api/persistence/bundle/${made.hash}`)).json())
      .toMatchObject({
        bundle: { bundle_version: '1.0', ast: made.entry['ast'], certificate: made.certificate },
        integrity_verified: true,
      });
  });

  it('needs the token, and takes nothing but code or the hash of a function [I11]', async () => {
    const api = await startWith(createMemoryVault());
    expect((await post(api, { code: 'x' }, {})).status).toBe(401);
    expect((await post(api, { code: 1 })).status).toBe(400);
    expect((await post(api, { code: 'x', function: '0'.repeat(64) })).status).toBe(400);
    expect((await post(api, { code: '\ud800' })).status).toBe(400);
  });

  it('a changed bundle fails, and one of an unknown author counts for nothing [I11]', async () => {
    const code = 'intent greet(a)\n';
    const directory = newDirectory();
    mkdirSync(join(directory, 'bundles'));
    const answerTo = async (content: string) => {
      writeFileSync(join(directory, 'bundles', 'a.ae_bundle'), content);
      const api = await startApi({ verifier, root: { vaultDir: directory } });
      const one = (await api.ask(`/api/persistence/bundle/${sha256(code)}`)).json();
      const certificate = (one['claims'] as Claims).find(({ claim }) => claim === 'node_certificate');
      return [one['integrity_verified'], certificate?.holds, certificate?.reason];
    };
    const { self } = await startLattice();
    const text = bundleOf(self, code);
    expect(await answerTo(text)).toEqual([true, true, `${self.author} signed every byte of it`]);
    expect(await answerTo(text.replace('"greet"', '"other"'))).toEqual([
      false,
      false,
      `${self.author} did not sign this content`,
    ]);
    const stranger = createAuthor(9);
    // The digest of the original is over the code all the same.
    expect(await answerTo(bundleOf(stranger, code))).toEqual([
      true,
      false,
      `${stranger.author} signed it, who is not trusted here`,
    ]);
  });

  it('what is said of a bundle follows the trust list, though its bytes are read once [I11]', async () => {
    const code = 'intent greet(a)\n';
    const stranger = createAuthor(9);
    const vault = createMemoryVault();
    await put(vault, bundleOf(stranger, code), 'a.ae_bundle');
    const lattice: LiveLattice = { ...(await startLattice()), vault };
    const api = await startApi({ lattice, verifier });
    const reason = async (): Promise<string | undefined> => {
      const one = (await api.ask(`/api/persistence/bundle/${sha256(code)}`)).json();
      return (one['claims'] as Claims).find(({ claim }) => claim === 'node_certificate')?.reason;
    };
    expect(await reason()).toBe(`${stranger.author} signed it, who is not trusted here`);
    await lattice.reconfigure({
      trusted: [lattice.self.author, stranger.author],
      bootstrap: [],
      urls: [],
      warnings: [],
      violations: [],
      p2p: { bootstrap: [], flaws: [] },
    });
    await expect.poll(reason, { timeout: 10_000 }).toBe(`${stranger.author} signed every byte of it`);
  });
});
