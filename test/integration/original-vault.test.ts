import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Fleet, startFleet } from '../support/fleet.ts';
import { runCli, untilExit } from '../support/node-process.ts';
import { sha256, type WrittenVault, writeOriginalVault } from '../support/original-vault.ts';
import { eventually } from '../support/wait.ts';

let fleet: Fleet;
let old: WrittenVault;
beforeAll(async () => {
  fleet = await startFleet({ nodes: 3 });
  const directory = join(fleet.dir, 'old-vault');
  mkdirSync(directory);
  old = writeOriginalVault(directory);
});
afterAll(async () => await fleet?.stop());

/** Runs the command line against a node, and gives what it printed and how it ended. */
async function cli(node: number, ...argv: string[]): Promise<{ code: number | null; text: string }> {
  const run = runCli([...argv, '--env-file', fleet.nodes[node]?.envFile ?? ''], { cwd: fleet.dir });
  const { code } = await untilExit(run);
  return { code, text: run.stdout + run.stderr };
}

async function ok(node: number, ...argv: string[]): Promise<string> {
  const { code, text } = await cli(node, ...argv);
  expect(code, text).toBe(0);
  return text;
}

/** Every file below a directory with its hash. */
function hashesIn(directory: string): Map<string, string> {
  const files = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = files.map(({ parentPath, name }) => join(parentPath, name)).sort();
  return new Map(paths.map((path) => [path.slice(directory.length + 1), sha256(readFileSync(path))]));
}

/** What every node counts, once all have the bytes of everything. */
const counted = (rows: number) =>
  eventually(`three nodes with ${rows} rows`, async () => {
    const all = await Promise.all(
      [0, 1, 2].map(async (node) => JSON.parse(await ok(node, 'vault', 'original', '-o', 'json')) as { rows: number }),
    );
    return all.every((one) => one.rows === rows && (one as unknown as Record<string, unknown>)['notHere'] === 0)
      ? all
      : undefined;
  });

it('a vault that is imported on one node has one root on three, and goes back byte for byte [I9, I10, I11]', async () => {
  const before = hashesIn(old.directory);
  const told = await ok(0, 'import', old.directory);
  expect(told).toContain('no digest of the original is over the code');
  expect(hashesIn(old.directory)).toEqual(before);
  const all = await counted(4);
  expect(all).toEqual(all.map(() => ({ root: old.root, rows: 4, bundles: 4, certificates: 2, notHere: 0 })));

  await ok(2, 'vault', 'export', 'back', '--format', 'original');
  expect(hashesIn(join(fleet.dir, 'back'))).toEqual(before);
  expect(await cli(2, 'vault', 'export', 'back', '--format', 'original')).toMatchObject({
    code: 1,
    text: expect.stringContaining('is not empty'),
  });

  // A bundle of one node is believed by the others, and by whoever checks it offline.
  const [first] = old.functions;
  const made = JSON.parse(
    await ok(1, 'vault', 'bundle', join(old.directory, 'index.json'), '--intent', 'list', '-o', 'json'),
  ) as { bundle: string; hash: string; name: string };
  await counted(5);
  await ok(2, 'vault', 'get', made.hash, '--out', 'made.ae_bundle');
  const trust = ['--trust', fleet.nodes.map(({ author }) => author).join(',')];
  expect(await ok(2, 'vault', 'check', 'made.ae_bundle', ...trust)).toContain(
    `${fleet.nodes[1]?.author} signed every byte of it`,
  );
  expect(await ok(0, 'vault', 'check', join(old.directory, `${first?.hash}.json`))).toContain(
    'Nothing that was checked is over its code',
  );
});
