import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadConfig } from '../../../src/config/index.ts';
import { withLegacyVault } from '../../../src/config/legacy.ts';

let dir: string;
beforeEach(() => (dir = mkdtempSync(join(tmpdir(), 'lattice-legacy-'))));
afterEach(() => rmSync(dir, { recursive: true, force: true }));

function lay(...names: readonly string[]): void {
  for (const name of names) {
    mkdirSync(dirname(join(dir, name)), { recursive: true });
    writeFileSync(join(dir, name), '');
  }
}
const load = () => loadConfig({ env: {}, cwd: dir });

describe('the state directory', () => {
  it('is the one that is named, or one below it where the original keeps its state there [I12]', () => {
    const named = join(dir, '.diotec360_state');
    expect(load().stateDir).toBe(named);
    lay('.diotec360_state/snapshot.json');
    const { stateDir, key, legacy } = load();
    expect(stateDir).toBe(join(named, 'lattice'));
    expect(key).toEqual({ source: 'file', path: join(named, 'lattice', 'node.key') });
    expect(legacy).toEqual([{ variable: 'STATE_DIR', directory: named, names: ['snapshot.json'] }]);
  });

  it('stays where a store is, whatever comes or goes beside it [I12]', () => {
    const named = join(dir, '.diotec360_state');
    lay('.diotec360_state/lattice/CURRENT');
    expect(load().stateDir).toBe(join(named, 'lattice'));
    rmSync(join(named, 'lattice'), { recursive: true });
    lay('.diotec360_state/CURRENT', '.diotec360_state/node.key', '.diotec360_state/snapshot.json');
    expect(load().stateDir).toBe(named);
  });

  it('is not moved by a vault or an audit record of the original, which are named', () => {
    lay('.diotec360_vault/index.json', '.diotec360_vault/certificates/x', '.diotec360_sentinel/telemetry.db');
    lay('.diotec360_state/lattice/CURRENT', '.diotec360_state/wal.log');
    const { stateDir, vaultDir, legacy } = load();
    expect(stateDir).toBe(join(dir, '.diotec360_state', 'lattice'));
    const all = withLegacyVault(legacy, vaultDir, readdirSync(vaultDir));
    expect(all.map(({ variable, names }) => [variable, names])).toEqual([
      ['STATE_DIR', ['wal.log']],
      ['VAULT_DIR', ['certificates', 'index.json']],
      ['SENTINEL_DIR', ['telemetry.db']],
    ]);
  });

  it('that the original did not read has its files beside it, under the name of its version [I12]', () => {
    // On a disk that does not tell them apart, each is found once, in the directory that is named.
    lay('.aethel_state/snapshot.json', '.diotec360_vault/index.json', '.DIOTEC360_sentinel/telemetry.db');
    lay('.diotec360_vault_nodeA/index.json', '.other_state/snapshot.json');
    const config = loadConfig({ env: { DIOTEC360_STATE_DIR: '.DIOTEC360_state_node1' }, cwd: dir });
    expect(config.stateDir).toBe(join(dir, '.DIOTEC360_state_node1'));
    expect(config.legacy.map(({ directory }) => directory)).toContain(join(dir, '.aethel_state'));
    const env = { DIOTEC360_VAULT_DIR: 'vault', DIOTEC360_SENTINEL_DIR: 'sentinel', DIOTEC360_STATE_DIR: 'state' };
    expect(loadConfig({ env, cwd: dir }).legacy).toEqual([
      { variable: 'STATE_DIR', directory: join(dir, '.aethel_state'), names: ['snapshot.json'] },
      { variable: 'VAULT_DIR', directory: join(dir, '.diotec360_vault'), names: ['index.json'] },
      { variable: 'SENTINEL_DIR', directory: join(dir, '.DIOTEC360_sentinel'), names: ['telemetry.db'] },
    ]);
    lay('state/wal.log');
    const { legacy, stateDir } = loadConfig({ env, cwd: dir });
    expect(legacy[0]).toEqual({ variable: 'STATE_DIR', directory: join(dir, 'state'), names: ['wal.log'] });
    expect(stateDir).toBe(join(dir, 'state', 'lattice'));
  });
});
