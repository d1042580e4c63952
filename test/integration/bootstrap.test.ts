import { beforeAll, describe, expect, it } from 'vitest';
import { type Fleet, type Node, startFleet } from '../support/fleet.ts';
import { eventually } from '../support/wait.ts';

/** Chunks of about 230 KiB: the third node is busy with them for seconds. */
const KEYS = 30_000;
const COMMIT = 250;
/** Two periods of cuts, the settling time, and room for two busy cores. */
const DEADLINE_MS = 150_000;

describe('an empty third node', () => {
  let fleet: Fleet;
  let first: Node;
  let second: Node;
  let third: Node;

  beforeAll(async () => {
    fleet = await startFleet({ start: [0, 1] });
    [first, second, third] = fleet.nodes as [Node, Node, Node];
    await fleet.status(0, 'writes are open', ({ writable }) => writable);
    for (let at = 0; at < KEYS; at += 4 * COMMIT) {
      await Promise.all(
        [0, 1, 2, 3].map((c) =>
          first.api.commit(
            Array.from({ length: COMMIT }, (_, i) => ({
              op: 'put' as const,
              key: `boot/${at + c * COMMIT + i}`,
              value: { n: at + i },
            })),
          ),
        ),
      );
    }
    const root = async (node: Node): Promise<string> => (await node.api.status()).root;
    await eventually('both hold the same', async () => (await root(first)) === (await root(second)), DEADLINE_MS);
    for (const i of [0, 1])
      await fleet.status(
        i,
        'a cut with everything is certified',
        ({ cuts }) => cuts?.certified?.entries === KEYS,
        DEADLINE_MS,
      );
  });

  it('takes over a snapshot, goes on after a kill and the death of a source, and vouches for it once verified [W7, W8, W9]', async () => {
    await third.start();
    // Killed in the middle of it, with the first of its two sources.
    await eventually(
      'part of the snapshot is here',
      async () => (await third.api.status()).entries > 2_000,
      DEADLINE_MS,
    );
    await Promise.all([third.kill(), first.kill()]);
    const before = third.process.log().find(({ msg }) => msg === 'taking over a snapshot');
    expect(before).toMatchObject({ toFetch: 64, chunks: 64 });

    await third.start();
    const { entries } = await third.api.status();
    expect(entries).toBeGreaterThan(2_000);
    const { root } = await second.api.status();
    await fleet.status(2, 'everything is here', (status) => status.root === root, DEADLINE_MS);
    if (entries < KEYS / 2) {
      const after = third.process.log().find(({ msg }) => msg === 'taking over a snapshot');
      expect(after).toMatchObject({ root: before?.['root'], chunks: 64 });
      expect(after?.['toFetch']).toBeLessThan(64);
    }
    const done = await fleet.status(
      2,
      'every signature is verified',
      ({ bootstrap }) => bootstrap === undefined || bootstrap.phase === 'done',
      DEADLINE_MS,
    );
    expect(done.warnings.map(({ code }) => code)).not.toContain('left-out-source');
    expect(done.warnings.map(({ code }) => code)).not.toContain('quarantine');
    // With the first node gone the third is needed for a quorum.
    const since = done.now;
    await fleet.status(
      1,
      'the third counts',
      ({ cuts }) => (cuts?.certified?.at ?? 0) > since && cuts?.certified?.attesters.includes(third.author) === true,
      DEADLINE_MS,
    );
  });
});
