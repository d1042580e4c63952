import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { examineStart, type StartFinding } from '../../../src/app/examine-start.ts';
import { generateNodeKey } from '../../../src/app/node-key.ts';
import { type Environment, loadConfig } from '../../../src/config/index.ts';

let dir = '';
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'lattice-start-'));
});
afterEach(() => {
  chmodSync(dir, 0o700);
  rmSync(dir, { recursive: true });
});

async function examine(env: Environment, runs?: { peerId: string; name?: string }): Promise<StartFinding[]> {
  const config = loadConfig({ env: { DIOTEC360_STATE_DIR: 'state', DIOTEC360_API_PORT: '0', ...env }, cwd: dir });
  return await examineStart({ config, askNode: async () => runs });
}

/** A port of loopback that somebody listens on while `use` runs. */
async function whileTaken<T>(use: (port: number) => Promise<T>): Promise<T> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  try {
    return await use(address.port);
  } finally {
    server.close();
  }
}

describe('what a start would meet', () => {
  const own = generateNodeKey();
  const other = generateNodeKey();
  const key = { DIOTEC360_NODE_PRIVKEY_HEX: own.privateKey };

  it('finds nothing where a node can start and write', async () => {
    expect(await examine({ ...key, DIOTEC360_TRUSTED_STATE_PUBKEYS: own.publicKey })).toEqual([]);
    expect(readdirSync(dir)).toEqual([]);
  });

  it('names the own key that is not on the trust list', async () => {
    expect(await examine({ ...key, DIOTEC360_TRUSTED_STATE_PUBKEYS: other.publicKey })).toEqual([
      expect.objectContaining({ effect: 'read-only', text: expect.stringContaining(own.publicKey) }),
    ]);
  });

  it('says what becomes of a missing key file, and makes none', async () => {
    expect(await examine({ DIOTEC360_TRUSTED_STATE_PUBKEYS: other.publicKey })).toEqual([
      expect.objectContaining({
        effect: 'read-only',
        text: expect.stringMatching(/there is no key file .*node\.key: .* which is not on the trust list$/),
      }),
    ]);
    expect(await examine({})).toEqual([
      expect.objectContaining({ effect: 'note', text: expect.stringMatching(/a start makes a new key$/) }),
    ]);
    expect(readdirSync(dir)).toEqual([]);
  });

  it('names a key file that is too open, and one that is none', async () => {
    const path = join(dir, 'node.key');
    const env = { DIOTEC360_KEY_FILE: path };
    writeFileSync(path, `${own.privateKey}\n`);
    chmodSync(path, 0o644);
    expect(await examine(env)).toEqual([
      { effect: 'fails', text: expect.stringContaining('0644'), next: expect.stringContaining('chmod 600') },
    ]);
    chmodSync(path, 0o600);
    expect(await examine(env)).toEqual([]);
    writeFileSync(path, 'no key');
    expect(await examine(env)).toEqual([
      { effect: 'fails', text: expect.stringContaining('is not a key file'), next: expect.anything() },
    ]);
    // A change of its mode would help nobody.
    expect(await examine({ DIOTEC360_KEY_FILE: dir })).toEqual([
      {
        effect: 'fails',
        text: `${dir} cannot be read: it is a directory`,
        next: expect.stringContaining('DIOTEC360_KEY_FILE'),
      },
    ]);
  });

  it('names a port that is taken, of the API and of P2P', async () => {
    await whileTaken(async (port) => {
      const api = { ...key, DIOTEC360_API_PORT: String(port) };
      const text = `port ${port} on 127.0.0.1 is taken`;
      expect(await examine(api)).toEqual([
        { effect: 'fails', text, next: expect.stringContaining('DIOTEC360_API_PORT') },
      ]);
      expect(await examine(api, { peerId: other.peerId })).toEqual([
        expect.objectContaining({ effect: 'fails', text: `${text} by the node ${other.peerId}` }),
      ]);
      expect(await examine({ ...key, DIOTEC360_P2P_LISTEN: `/ip4/127.0.0.1/tcp/${port}` })).toEqual([
        { effect: 'fails', text, next: expect.stringContaining('DIOTEC360_P2P_LISTEN') },
      ]);
    });
  });

  it('takes the ports of the same node that runs already for no fault', async () => {
    await whileTaken(async (port) => {
      expect(await examine({ ...key, DIOTEC360_API_PORT: String(port) }, { peerId: own.peerId })).toEqual([
        expect.objectContaining({ effect: 'note', text: expect.stringContaining('runs already') }),
      ]);
    });
  });

  it('names an address that this machine does not have', async () => {
    const env = { ...key, DIOTEC360_API_HOST: '192.0.2.1', DIOTEC360_API_PORT: '8000' };
    expect(await examine(env)).toEqual([
      {
        effect: 'fails',
        text: 'port 8000 on 192.0.2.1 cannot be bound: this machine has no such address',
        next: expect.stringMatching(/^Correct DIOTEC360_API_HOST .*: name an address of this machine/),
      },
    ]);
  });

  it('names the node that holds the port by its name', async () => {
    await whileTaken(async (port) => {
      const text = `port ${port} on 127.0.0.1 is taken by the node oslo`;
      expect(
        await examine({ ...key, DIOTEC360_API_PORT: String(port) }, { peerId: other.peerId, name: 'oslo' }),
      ).toEqual([expect.objectContaining({ effect: 'fails', text })]);
    });
  });

  it('finds a key that is not the one of the store, as when two key files were swapped [N1]', async () => {
    mkdirSync(join(dir, 'state'));
    writeFileSync(join(dir, 'state', 'author'), `${other.publicKey}\n`);
    for (const trusted of ['', `${own.publicKey},${other.publicKey}`]) {
      expect(await examine({ ...key, DIOTEC360_TRUSTED_STATE_PUBKEYS: trusted })).toEqual([
        expect.objectContaining({
          effect: 'fails',
          text: expect.stringContaining(`is that of node ${other.peerId}`),
          next: expect.stringContaining('swap them again'),
        }),
      ]);
    }
    writeFileSync(join(dir, 'state', 'author'), `${own.publicKey}\n`);
    expect(await examine(key)).toEqual([]);
  });

  it('tells that the vault cannot be read, which keeps no node from its work', async () => {
    writeFileSync(join(dir, 'file'), '');
    expect(await examine({ ...key, DIOTEC360_VAULT_DIR: 'file' })).toEqual([
      {
        effect: 'note',
        text: expect.stringMatching(/^the vault in .* cannot be read: a part of the path is not a directory$/),
        next: expect.stringContaining('DIOTEC360_VAULT_DIR'),
      },
    ]);
  });

  it('names a directory that is a file, and one that cannot be written', async () => {
    writeFileSync(join(dir, 'file'), '');
    expect(await examine({ ...key, DIOTEC360_STATE_DIR: 'file/state' })).toEqual([
      expect.objectContaining({ effect: 'fails', text: expect.stringContaining('is not a directory') }),
    ]);
    // The superuser may write everywhere.
    if (process.getuid?.() === 0) return;
    mkdirSync(join(dir, 'closed'), { mode: 0o500 });
    expect(await examine({ ...key, DIOTEC360_STATE_DIR: 'closed/state' })).toEqual([
      expect.objectContaining({ effect: 'fails', text: expect.stringContaining('no permission') }),
    ]);
  });
});
