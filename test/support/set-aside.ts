import { cp, rm } from 'node:fs/promises';
import type { Fleet, FleetOptions, Node } from './fleet.ts';
import { eventually } from './wait.ts';

/** Longer than deletions stay (24 h), and than the hour on which they leave. */
const LATER_MS = 26 * 3_600_000;
const clock = new URL('./preload/wrong-clock.mjs', import.meta.url);

/** A fleet whose nodes start a day later than they did, once that is asked for. */
export interface LaterFleet {
  readonly surroundings: NonNullable<FleetOptions['surroundings']>;
  /** Every node that starts from here on has a clock that is so much later. */
  passDay(): void;
}

export function laterFleet(): LaterFleet {
  let isLater = false;
  const later = { preload: [clock], env: { CLOCK_AHEAD_MS: String(LATER_MS) } };
  return {
    surroundings: () => (isLater ? later : {}),
    passDay() {
      isLater = true;
    },
  };
}

/**
 * Has the last node of the fleet set operations aside: it comes from a backup that has these keys, which were deleted a
 * day ago, so that the deletions have left the others and they refuse what the backup brings. Every value is its key.
 */
export async function setAside(fleet: Fleet, { passDay }: LaterFleet, keys: readonly string[]): Promise<void> {
  const nodes = fleet.nodes as readonly [Node, ...Node[]];
  const [first] = nodes;
  const last = nodes.at(-1) as Node;
  for (const key of ['kept', ...keys]) await first.api.put(key, key);
  await fleet.settled();
  await last.terminate();
  const backup = `${last.stateDir}-backup`;
  await cp(last.stateDir, backup, { recursive: true });
  await last.start();
  await fleet.settled();
  await first.api.commit(keys.map((key) => ({ op: 'delete' as const, key })));
  await fleet.settled();

  await Promise.all(nodes.map((node) => node.terminate()));
  passDay();
  await Promise.all(nodes.map((node) => node.start()));
  for (const node of nodes)
    await eventually(`${node.name} has collected`, async () => (await node.api.status()).entries === 1);
  await last.terminate();
  await rm(last.stateDir, { recursive: true });
  await cp(backup, last.stateDir, { recursive: true });
  await last.start();
  await eventually(
    `${last.name} has set them aside`,
    async () => (await last.api.status()).floor?.collection.setAside === keys.length,
  );
  await fleet.settled();
}
