import { hlcMs } from '../../src/core/clock/index.ts';
import { bucketRange, COLLECTION, decodeCollection, entryRowToEntry } from '../../src/core/rows/index.ts';
import type { StoreOperation } from '../../src/ports/index.ts';
import { hasher } from './crypto.ts';
import type { World } from './face.ts';
import { entriesOf, replaces, versionName, withoutDead } from './oracle.ts';

/** How often it is looked at what nodes have closed. */
const LOOK_MS = 100;
const [ENTRIES] = bucketRange('entry').gte;

/** Up to when, Unix ms, a node's disk is closed and collected. */
export function floorsOf(world: World, node: number): { readonly closed: number; readonly collected: number } {
  const row = world.disk(node).get(COLLECTION);
  return row === undefined ? { closed: 0, collected: 0 } : decodeCollection(row);
}

/** What must hold of what nodes close, at any time. */
export interface Closings {
  /** To be called with each batch that is on a node's disk. */
  durable(node: number, operations: readonly StoreOperation[]): void;
  watch(broken: () => boolean): void;
}

/**
 * Floors fall on no disk that is not replaced, and when a node closes, it agrees with all that are closed up to the same
 * time on what is of up to there. What writers agreed to take in below their floors may be on its way.
 */
export function createClosings(world: World, nodes: readonly number[]): Closings {
  const known = nodes.map(() => 0);
  const restored = nodes.map(() => 0);
  const seen = nodes.map(() => new Set<string>());
  const takenIn = new Set<string>();

  function expectIn(i: number, j: number, closed: number): void {
    const there = new Map(entriesOf(world.disk(j)).map(({ key, siblings }) => [key, siblings]));
    for (const { key, siblings } of entriesOf(world.disk(i)))
      for (const one of withoutDead(siblings, closed)) {
        if (hlcMs(one.hlc) > closed || takenIn.has(versionName(one))) continue;
        const others = there.get(key) ?? [];
        const has = others.some((other) => versionName(other) === versionName(one) || replaces(other, one));
        if (!has)
          world.fail(`n${i} and n${j} are closed up to ${closed}, and only n${i} has ${key} of ${hlcMs(one.hlc)}`);
      }
  }

  function look(): void {
    for (const i of nodes) {
      const { closed, collected } = floorsOf(world, i);
      if (closed > collected) world.fail(`n${i} is closed up to ${closed} and collected up to ${collected}`);
      const before = restored[i] === world.restored(i) ? (known[i] ?? 0) : closed;
      if (closed < before) world.fail(`n${i} was closed up to ${before} and is up to ${closed}`);
      restored[i] = world.restored(i);
      known[i] = closed;
      if (closed === before) continue;
      for (const j of nodes) {
        if (i === j || floorsOf(world, j).closed !== closed) continue;
        expectIn(i, j, closed);
        expectIn(j, i, closed);
      }
    }
  }

  return {
    durable(node, operations) {
      const before = seen[node];
      if (before === undefined) return;
      const { closed } = floorsOf(world, node);
      for (const operation of operations) {
        if (operation.type !== 'put' || operation.key[0] !== ENTRIES) continue;
        for (const one of entryRowToEntry(operation.key, operation.value, hasher).siblings) {
          const name = versionName(one);
          if (!before.has(name) && hlcMs(one.hlc) <= closed) takenIn.add(name);
          before.add(name);
        }
      }
    },
    watch(broken) {
      const turn = (): void => {
        look();
        if (!broken()) world.scheduler.after(LOOK_MS, 'plan', 'watch', turn);
      };
      turn();
    },
  };
}
