import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createSigner } from '../../../src/adapters/system/keys.ts';
import { loadConfig } from '../../../src/config/index.ts';
import { load, NOWHERE, problemsOf, useDirectory } from './support.ts';

const SEED = 'ab'.repeat(32);
const authorOf = (hex: string): string => createSigner(Uint8Array.from(Buffer.from(hex, 'hex'))).author;

describe('the older names of directories', () => {
  it.each(['DIOTEC360', 'AETHEL'])('of %s are read', (prefix) => {
    const config = load({
      [`${prefix}_STATE_PATH`]: '/data/state',
      [`${prefix}_VAULT_PATH`]: 'vault',
      [`${prefix}_AUDIT_PATH`]: '/data/.sentinel/telemetry.db',
    });
    expect([config.stateDir, config.vaultDir, config.sentinelDir]).toEqual([
      '/data/state',
      join(NOWHERE, 'vault'),
      '/data/.sentinel',
    ]);
    expect(config.warnings.join()).not.toContain('_PATH');
  });

  it('give way to the newer ones, and an audit path may be a directory', () => {
    expect(load({ DIOTEC360_STATE_DIR: '/a', DIOTEC360_STATE_PATH: '/b' }).stateDir).toBe('/a');
    expect(load({ AETHEL_AUDIT_PATH: '/app/.audit' }).sentinelDir).toBe('/app/.audit');
  });
});

describe('safe mode', () => {
  it.each(['development', 'production'])('is a reason to be read-only in %s [N7]', (environment) => {
    const env = { DIOTEC360_ENVIRONMENT: environment, AETHEL_SAFE_MODE: '1' };
    expect(load(env).violations[0]).toMatch(/^Safe mode is asked for by DIOTEC360_SAFE_MODE: take it out/);
    expect(load({ ...env, AETHEL_SAFE_MODE: 'false' }).violations.join()).not.toContain('Safe mode');
  });
});

describe('the expected public key [N20]', () => {
  const dir = useDirectory();

  it('is compared with that of the private key, and never taken for it', () => {
    const expected = { DIOTEC360_NODE_PUBKEY_HEX: authorOf(SEED).toUpperCase() };
    expect(load({ ...expected, DIOTEC360_NODE_PRIVKEY_HEX: SEED }).key).toEqual({
      source: 'environment',
      seedHex: SEED,
    });
    const other = problemsOf(() => load({ ...expected, DIOTEC360_NODE_PRIVKEY_HEX: 'cd'.repeat(32) }));
    expect(other).toEqual([
      expect.objectContaining({
        variable: 'DIOTEC360_NODE_PUBKEY_HEX',
        rule: expect.stringContaining(authorOf('cd'.repeat(32))) as unknown,
      }),
    ]);
    const same = problemsOf(() => load({ ...expected, DIOTEC360_NODE_PRIVKEY_HEX: authorOf(SEED) }));
    expect(same[0]?.rule).toMatch(/a public key is no private key/);
  });

  it('is compared with that of the key file, and without one no key is made', () => {
    mkdirSync(join(dir(), 'state'), { mode: 0o700 });
    const env = { DIOTEC360_NODE_PUBKEY_HEX: authorOf(SEED), DIOTEC360_STATE_DIR: 'state' };
    const read = () => loadConfig({ env, cwd: dir() });
    expect(problemsOf(read)[0]?.rule).toMatch(/there is no .*node\.key$/);
    const path = join(dir(), 'state', 'node.key');
    expect(existsSync(path)).toBe(false);
    writeFileSync(path, `${SEED}\n`, { mode: 0o600 });
    expect(read().key).toEqual({ source: 'file', path });
    writeFileSync(path, `${'cd'.repeat(32)}\n`);
    expect(problemsOf(read)[0]?.rule).toContain('not the public key of this node');
    // Whether the key file itself is good, its reader says.
    chmodSync(path, 0o644);
    expect(read().key).toEqual({ source: 'file', path });
  });

  it('is no guess for another name', () => {
    expect(load({ DIOTEC360_NODE_PUBKEY: 'x' }).warnings.join()).not.toContain('PRIVKEY');
  });
});

describe('peers by HTTP', () => {
  it('that are the page of a Space are left out with the address of its app, and the node starts', () => {
    const { http, warnings } = load({
      AETHEL_LATTICE_NODES: 'https://huggingface.co/spaces/acme/My_Ledger,https://b.example',
    });
    expect(http.nodes).toEqual(['https://b.example']);
    expect(warnings).toContainEqual(
      expect.stringMatching(
        /^It is left out: AETHEL_LATTICE_NODES=.*write https:\/\/acme-my-ledger\.hf\.space, its app\.$/,
      ),
    );
  });
});

describe('placeholders [N20]', () => {
  it.each([
    ['NODE_PRIVKEY_HEX', 'GENERATE_AND_REPLACE_WITH_64_CHAR_HEX_PRIVATE_KEY'],
    ['NODE_PUBKEY_HEX', '<public key>'],
    ['TRUSTED_STATE_PUBKEYS', 'NODE2_PUBKEY_HERE'],
    ['API_TOKEN', 'your-secret-key-here-change-in-production'],
    ['LATTICE_NODES', 'https://NODE2_IP:8000'],
    ['CORS_ORIGINS', 'https://<app>'],
    ['NODE_NAME', '{name}'],
    ['STATE_DIR', '/data/<node>'],
  ])('in %s are named as such', (name, text) => {
    const problems = problemsOf(() => load({ [`DIOTEC360_${name}`]: text }));
    expect(problems).toHaveLength(1);
    expect(problems[0]?.rule).toMatch(/is a placeholder$/);
  });
});

describe('an env file', () => {
  const dir = useDirectory();
  const warningsOf = (text: string): string => {
    writeFileSync(join(dir(), 'node.env'), text);
    return loadConfig({ env: {}, cwd: dir(), envFile: 'node.env' }).warnings.join('\n');
  };

  it('with names that need a prefix says so, and not of those that are set with it', () => {
    const text = warningsOf('NODE_NAME=a\nAPI_PORT=8000\nLOG_LEVEL=INFO\nDIOTEC360_LOG_LEVEL=info\nURL=x\n');
    expect(text).toContain('write DIOTEC360_NODE_NAME');
    expect(text).toContain('write DIOTEC360_API_PORT');
    expect(text).not.toMatch(/LOG_LEVEL in|write DIOTEC360_URL/);
  });

  it('without any variable of a node says so', () => {
    expect(warningsOf('NEXT_PUBLIC_API_URL=https://a.example\n')).toContain('has no variable of a node');
  });

  it('of the original tells what does the work of a variable that is not here', () => {
    expect(warningsOf('DIOTEC360_SECRET_KEY=x\n')).toContain('the token of writes is DIOTEC360_API_TOKEN');
  });
});
