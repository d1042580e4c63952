import { hlcMs } from '../../../src/core/clock/index.ts';
import { memberOf, writersOf } from '../../../src/core/roster/index.ts';
import type { Author } from '../../../src/core/types/index.ts';
import type { Rng } from '../../sim/rng.ts';
import type { Deciding } from './deciding.ts';
import type { FloorNode } from './node.ts';
import { KEYS } from './world.ts';

/** Weather of several steps in a row, which hardly comes by chance: what some mistakes need to show. */

/** What a scene does with the fleet. */
export interface Stage {
  readonly rng: Rng;
  readonly deciding: Deciding;
  readonly nodes: readonly FloorNode[];
  readonly joiner: FloorNode;
  readonly stepsClocks: boolean;
  advance(ms: number): void;
  sync(a: FloorNode, b: FloorNode): void;
  loseMail(work: () => void): void;
}

/** The group of a node that hears of nothing. */
const ALONE = 2;

/** Nothing is in the way of these nodes, and they tell each other all. */
function gather(stage: Stage, nodes: readonly FloorNode[]): void {
  for (const node of nodes) node.group = 0;
  for (const a of nodes) for (const b of nodes) if (a.index < b.index) stage.sync(a, b);
}

/** Operators want a decision, and nothing is in the way. `pause` comes between the two phases of the first ballot. */
function decide({ nodes, deciding, rng }: Stage, epoch: number, pause?: () => void): void {
  if (pause !== undefined) {
    const node = rng.pick(nodes);
    deciding.begin(node, false);
    pause();
    deciding.proceed(node);
  }
  for (let i = 0; i < 6 && !nodes.some(({ state }) => state.roster.epoch > epoch); i++)
    for (const node of nodes) {
      deciding.begin(node);
      deciding.proceed(node);
    }
}

/** A node has no room, and just then whoever had replaced what it lets go is removed. */
export function squeeze(stage: Stage, node: FloorNode): void {
  const { rng, deciding, nodes } = stage;
  gather(stage, nodes);
  const others = nodes.filter((one) => one !== node && !one.down && one.isWriterOf(node.state));
  const key = KEYS.find((one) => node.keyOf(one).siblings.some(({ hlc }) => hlc <= node.rules.floor));
  if (rng.chance(0.8) && others.length > 0 && key !== undefined && !node.down) {
    // What is written after the newest cut is what a removal takes away.
    const op = rng.pick(others).write(key, 'put', undefined);
    if (op !== undefined) {
      for (const one of nodes) if (!one.down) one.take(op);
      deciding.want({ kind: 'remove', author: op.author }, true);
    }
  }
  node.squeeze(rng.int(2));
  const [gone] = node.disk.gone;
  if (gone === undefined || rng.chance(0.2)) return;
  decide(stage, node.state.roster.epoch);
  gather(stage, nodes);
}

/** The joiner becomes a writer while it hears of nothing, and writes as soon as it has learned that it may. */
export function admit(stage: Stage): void {
  const { joiner, rng, deciding } = stage;
  const [author] = joiner.authors as readonly [Author];
  if (memberOf(joiner.state.roster, author)?.role !== 'mirror' || joiner.floorAt === 0 || joiner.down) return;
  const { group, offset } = joiner;
  const others = stage.nodes.filter((node) => node !== joiner && !node.down);
  joiner.group = ALONE;
  if (stage.stepsClocks) joiner.offset = -9_500;
  const goOn = (rounds: number): void => {
    for (let i = 0; i < rounds; i++) {
      stage.advance(1_000 + rng.int(2_000));
      gather(stage, others);
    }
  };
  goOn(6);
  deciding.want({ kind: 'promote', author }, true);
  // Cuts become complete while the ballot is open.
  decide(stage, joiner.state.roster.epoch, rng.chance(0.5) ? () => goOn(6) : undefined);
  joiner.group = 0;
  for (const node of others) stage.sync(node, joiner);
  if (stage.stepsClocks) joiner.offset = offset;
  joiner.group = group === ALONE ? 0 : group;
}

/**
 * A write of a retiring node reaches all writers together, after they have fixed the cut that it belongs to and before
 * they fix the next one. Of both they hear only then.
 */
export function comeLate(stage: Stage): void {
  const { rng, deciding, nodes } = stage;
  if (nodes.some(({ down }) => down)) return;
  const isRetiring = (node: FloorNode): boolean => node.writerOf(node.state) === undefined;
  gather(stage, nodes);
  if (!nodes.some((node) => isRetiring(node) && node.retiring() !== undefined)) {
    const { roster } = rng.pick(nodes).state;
    deciding.want({ kind: 'retire', author: rng.pick(writersOf(roster)) }, true);
    decide(stage, roster.epoch);
    gather(stage, nodes);
  }
  const from = nodes.find((node) => isRetiring(node) && node.retiring() !== undefined);
  const op = from?.write(rng.pick(KEYS), 'put', undefined);
  if (from === undefined || op === undefined) return;
  from.group = ALONE;
  const writers = nodes.filter((node) => node.isWriterOf(node.state));
  const fixUpTo = (at: number): void => {
    for (let i = 0; i < 16 && writers.some(({ disk }) => disk.own.newest < at); i++) stage.advance(1_500);
  };
  stage.loseMail(() => {
    fixUpTo(hlcMs(op.hlc));
    for (const node of nodes) if (node !== from) node.take(op);
    fixUpTo(Math.max(...writers.map(({ disk }) => disk.own.newest)) + 1);
  });
  gather(stage, nodes);
}
