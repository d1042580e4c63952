import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { loadKey, seedToAuthor } from '../../src/adapters/system/keys.ts';
import { type Node, startFleet } from '../support/fleet.ts';
import { runCli, untilExit } from '../support/node-process.ts';
import { eventually } from '../support/wait.ts';

const STEPS = ['begun', 'given', 'stopped', 'opened'] as const;

it('a node that is killed at any step of a turn of its key goes on under one of the two, and keeps what it acknowledged [RO18]', async () => {
  const steps = mkdtempSync(join(tmpdir(), 'lattice-key-steps-'));
  const fleet = await startFleet({
    // Over one lung, which starts sooner.
    env: () => ({ P2P_ENABLED: 'false' }),
    surroundings: () => ({
      preload: [new URL('../support/preload/key-turn-steps.mjs', import.meta.url)],
      env: { STEPS_DIR: steps },
    }),
  });
  await fleet.settled();
  const [, node] = fleet.nodes as [Node, Node];
  const acknowledged = new Map<string, number>();
  const over = new AbortController();
  const load = (async () => {
    for (let n = 0; !over.signal.aborted; n++) {
      const key = `load/${n}`;
      try {
        await node.api.put(key, n);
        acknowledged.set(key, n);
      } catch {
        await setTimeout(20);
      }
    }
  })();
  const writesMore = (what: string): Promise<boolean> => {
    const before = acknowledged.size;
    return eventually(what, () => acknowledged.size > before + 10);
  };
  const authorOf = (): string => seedToAuthor(loadKey(node.keyFile) ?? expect.fail('the node has a key'));

  for (const step of STEPS) {
    await writesMore(`it writes before it is killed once it has ${step}`);
    const before = authorOf();
    writeFileSync(join(steps, 'step'), step);
    const words = [
      '--env-file',
      node.envFile,
      '--fleet',
      join(fleet.dir, 'fleet.json'),
      '--yes',
      '--wait',
      '90',
      '--timeout',
      '60',
    ];
    const command = runCli(['members', 'rotate', ...words], { cwd: fleet.dir });
    await eventually(
      `it is killed once it has ${step}`,
      () => node.process.exit !== undefined || command.exit !== undefined,
    );
    expect(command.exit, command.stdout + command.stderr).toBeUndefined();
    rmSync(join(steps, 'step'));
    await node.kill();
    await node.start();
    expect(await untilExit(command), command.stdout + command.stderr).toMatchObject({ code: 0 });
    const { author } = await node.api.status();
    expect([author, author === before]).toEqual([authorOf(), false]);
    await writesMore(`it writes under its new key after it was killed once it had ${step}`);
  }
  over.abort();
  await load;
  const { entries } = await fleet.settled();
  const values = new Map(entries.map(({ key, value }) => [key, value]));
  expect([...acknowledged].filter(([key, n]) => values.get(key) !== n)).toEqual([]);
  for (const one of fleet.nodes) {
    const evidence = await one.api.send('GET', '/api/v1/evidence');
    expect(evidence.json()).toMatchObject({ items: [] });
  }
  await fleet.stop();
  rmSync(steps, { recursive: true });
});
