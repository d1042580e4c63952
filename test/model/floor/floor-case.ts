import type { FloorClaim } from '../../../src/core/floor/index.ts';
import { advance, applyChange, initialRoster, memberOf, stateOf, writersOf } from '../../../src/core/roster/index.ts';
import { type Author, equalBytes } from '../../../src/core/types/index.ts';
import { createRng, type Rng } from '../../sim/rng.ts';
import { hasher } from '../node.ts';
import { createDeciding, type Deciding } from './deciding.ts';
import { exchange } from './exchange.ts';
import { timeOf } from './lines.ts';
import type { Mistake } from './mistakes.ts';
import { FloorNode } from './node.ts';
import { admit, comeLate, squeeze } from './scenes.ts';
import { authorAt, Broken, KEYS, type Op, rootOf, World } from './world.ts';

type Mail =
  | { readonly to: number; readonly from: number; readonly op: Op }
  | { readonly to: number; readonly from: number; readonly author: Author; readonly claim: FloorClaim };

/** The floor of a healed fleet is not older than this. */
const FLOOR_WITHIN_MS = 45_000;

/** What happens how often, in parts of a hundred; and of what a case may have much more than others. */
const WEIGHTS = {
  write: 28,
  deliver: 30,
  sync: 14,
  want: 3,
  begin: 6,
  proceed: 3,
  partition: 3,
  crash: 4,
  'back up': 3,
  'step clock': 2,
  ghost: 3,
  squeeze: 1,
  admit: 1,
  'come late': 0.5,
};
type ActionKind = keyof typeof WEIGHTS;
const MUCH: readonly (readonly ActionKind[])[] = [
  [],
  ['want', 'begin', 'proceed'],
  ['want', 'begin', 'proceed', 'crash', 'back up'],
  ['step clock', 'partition'],
  ['ghost', 'crash', 'back up'],
  ['squeeze'],
  ['admit', 'sync'],
  ['come late', 'deliver'],
];

/** A fleet with its weather. Everything that happens follows from the seed. */
export class FloorCase {
  readonly world: World;
  readonly rng: Rng;
  readonly deciding: Deciding;
  readonly mirror: FloorNode;
  readonly joiner: FloorNode;
  mail: Mail[] = [];
  readonly backups = new Map<FloorNode, ReturnType<FloorNode['backup']>>();
  readonly loss: number;
  readonly losesDisks: boolean;
  readonly stepsClocks: boolean;
  readonly isShortOfRoom: boolean;
  readonly #weights: readonly (readonly [ActionKind, number])[];
  readonly #total: number;
  rotated = 0;

  constructor(seed: string, mistake: Mistake, trace: ((line: string) => void) | undefined) {
    const rng = createRng(seed);
    this.rng = rng;
    this.world = new World(rng, mistake, trace);
    const much = rng.pick(MUCH);
    this.#weights = (Object.entries(WEIGHTS) as [ActionKind, number][]).map(([kind, weight]) => [
      kind,
      much.includes(kind) ? 4 * weight : weight,
    ]);
    this.#total = this.#weights.reduce((sum, [, weight]) => sum + weight, 0);
    const writers = 1 + rng.int(5);
    this.loss = rng.pick([0.02, 0.2, 0.6]);
    this.losesDisks = much.includes('back up') || rng.chance(0.3);
    this.stepsClocks = much.includes('step clock') || rng.chance(0.4);
    const authors = Array.from({ length: writers + 2 }, (_, i) => authorAt(`node ${i}`));
    const list = stateOf(
      { ...initialRoster(authors.slice(0, writers)), retentionMs: rng.pick([0, 20_000, 60_000]) },
      new Set(),
      hasher,
    );
    const roster = applyChange(list, { kind: 'add', author: authors[writers] as Author, name: '', role: 'mirror' }, 0);
    const asMirror = { kind: 'add', author: authors[writers + 1] as Author, name: '', role: 'mirror' } as const;
    const both = rng.chance(0.5) ? applyChange(list, asMirror, 0).members : [];
    const members = roster.members.concat(both.filter(({ author }) => author === asMirror.author));
    members.sort((a, b) => (a.author < b.author ? -1 : 1));
    const first = advance(list, { ...roster, members, epoch: 0, previous: new Uint8Array(32) }, hasher);
    this.world.addRoster(first);
    const liar = rng.chance(0.4) ? rng.int(writers) : -1;
    this.isShortOfRoom = much.includes('squeeze') || rng.chance(0.1);
    this.world.nodes = authors.map(
      (author, i) => new FloorNode(this.world, i, author, first, i === liar && writers > 2),
    );
    this.mirror = this.world.nodes[writers] as FloorNode;
    this.joiner = this.world.nodes[writers + 1] as FloorNode;
    for (const node of this.world.nodes) node.offset = this.#mildOffset();
    if (this.stepsClocks && rng.chance(0.4)) this.joiner.offset = -9_500;
    this.deciding = createDeciding(this.world);
  }

  #mildOffset(): number {
    if (!this.stepsClocks) return this.rng.int(401) - 200;
    return this.rng.chance(0.3) ? this.rng.pick([-9_500, 9_500]) : this.rng.int(16_001) - 8_000;
  }

  get nodes(): readonly FloorNode[] {
    return this.world.nodes;
  }

  run(): void {
    const steps = 80 + this.rng.int(220);
    for (let i = 0; i < steps; i++) {
      this.advance(this.rng.int(3_000));
      this.step();
      for (const node of this.nodes) node.checkFloorState();
    }
    this.heal();
  }

  /** Time passes, and whoever has a cut to fix fixes it. */
  advance(ms: number): void {
    this.world.now += ms;
    for (const node of this.nodes) this.fix(node);
  }

  fix(node: FloorNode): void {
    const attested = node.fix();
    if (attested === undefined) return;
    for (const { index } of this.nodes)
      if (index !== node.index) this.mail.push({ to: index, from: node.index, ...attested });
  }

  /** What is sent meanwhile is lost. */
  loseMail(work: () => void): void {
    const { length } = this.mail;
    work();
    this.mail.length = length;
  }

  step(): void {
    const { rng } = this;
    const node = rng.pick(this.nodes);
    switch (this.#drawAction()) {
      case 'write':
        return this.write(node);
      case 'deliver':
        for (let i = 0; i < 4; i++) this.deliver();
        return;
      case 'sync':
        return this.sync(node, rng.pick(this.nodes));
      case 'want':
        return this.#want();
      case 'begin':
        return this.deciding.begin(node);
      case 'proceed':
        return this.deciding.proceed(node);
      case 'partition':
        return this.#partition();
      case 'crash':
        return this.#crash(node);
      case 'back up':
        return this.#backUp(node);
      case 'step clock':
        return this.#stepClock(node);
      case 'ghost':
        return this.#ghost();
      case 'squeeze':
        if (this.isShortOfRoom) squeeze(this, node);
        return;
      case 'admit':
        return admit(this);
      case 'come late':
        comeLate(this);
    }
  }

  #drawAction(): ActionKind {
    let lot = this.rng.next() * this.#total;
    for (const [kind, weight] of this.#weights) if ((lot -= weight) < 0) return kind;
    return 'write';
  }

  write(node: FloorNode): void {
    const { rng } = this;
    const kind = rng.chance(0.3) ? 'delete' : 'put';
    const op = node.write(rng.pick(KEYS), kind, rng.chance(0.25) ? rng.int(40_000) - 5_000 : undefined);
    if (op === undefined) return;
    for (const { index } of this.nodes)
      if (index !== node.index && rng.chance(0.7)) this.mail.push({ to: index, from: node.index, op });
  }

  deliver(): void {
    const { rng } = this;
    if (this.mail.length === 0) return;
    // Messages overtake each other, and some come twice.
    const at = rng.chance(0.7) ? 0 : rng.int(this.mail.length);
    const one = this.mail[at] as Mail;
    if (!rng.chance(0.08)) this.mail.splice(at, 1);
    if (this.mail.length > 200) this.mail = this.mail.filter(() => rng.chance(0.5));
    const to = this.nodes[one.to] as FloorNode;
    if (!(this.nodes[one.from] as FloorNode).reaches(to) || rng.chance(this.loss)) return;
    this.#hear(to, one);
  }

  #hear(to: FloorNode, one: Mail): void {
    if ('op' in one) to.take(one.op);
    else to.hearClaim(one.author, one.claim);
  }

  sync(a: FloorNode, b: FloorNode): void {
    exchange(a, b, this);
  }

  #want(): void {
    const { rng, joiner } = this;
    const from = rng.pick(this.nodes).state;
    const writers = writersOf(from.roster);
    const [joining] = joiner.authors as readonly [Author];
    const lot = rng.next();
    if (lot < 0.35) {
      const role = memberOf(from.roster, joining)?.role;
      if (role === undefined) this.deciding.want({ kind: 'add', author: joining, name: '', role: 'mirror' });
      if (role === 'mirror') this.deciding.want({ kind: 'promote', author: joining });
    } else if (lot < 0.5 && this.rotated < 2) {
      const author = rng.pick(writers);
      this.deciding.want({ kind: 'rotate', author, to: authorAt(`key ${this.rotated++}`) });
    } else if (lot < 0.65) this.deciding.want({ kind: 'retire', author: rng.pick(writers) });
    else if (lot < 0.8) this.deciding.want({ kind: 'remove', author: rng.pick(writers) });
    else if (lot < 0.95) {
      const gone = from.roster.members.find(({ role }) => role === 'retired');
      if (gone !== undefined) this.deciding.want({ kind: 'drop', author: gone.author }, true);
    } else this.deciding.want({ kind: 'settings', certify: 'majority', retentionMs: rng.pick([0, 20_000, 60_000]) });
  }

  #partition(): void {
    const apart = this.rng.chance(0.6);
    for (const node of this.nodes) node.group = apart ? this.rng.int(2) : 0;
  }

  #crash(node: FloorNode): void {
    if (node.down) {
      node.down = false;
      const backup = this.losesDisks && this.rng.chance(0.3) ? this.backups.get(node) : undefined;
      node.restart(backup);
    } else node.down = true;
  }

  #backUp(node: FloorNode): void {
    if (this.losesDisks && !node.down) this.backups.set(node, node.backup());
  }

  #stepClock(node: FloorNode): void {
    if (!this.stepsClocks) return;
    node.offset = this.rng.chance(0.2) ? this.rng.pick([-1, 1]) * (12_000 + this.rng.int(30_000)) : this.#mildOffset();
    if (this.rng.chance(0.5)) this.write(node);
  }

  /** Somebody pushes an operation of any time to some nodes: rather one that hardly anybody has. */
  #ghost(): void {
    const { rng, world } = this;
    if (world.ops.length === 0) return;
    const has = (node: FloorNode, op: Op): boolean => {
      const { siblings, hidden } = node.keyOf(op.key);
      return siblings.includes(op) || hidden.includes(op);
    };
    const rare = world.ops.filter((op) => !this.nodes.some((node) => has(node, op)));
    const op = rare.length > 0 && rng.chance(0.6) ? rng.pick(rare) : rng.pick(world.ops);
    const all = rng.chance(0.5);
    for (const node of this.nodes) if (!node.down && (all || rng.chance(0.5))) node.take(op);
  }

  /** Everything works again, while writing goes on. Then it is quiet, and all must agree. */
  heal(): void {
    const { rng, world } = this;
    this.deciding.heal();
    for (const node of this.nodes) {
      node.group = 0;
      if (node.down) node.restart();
      node.down = false;
      if (!node.isRight) node.offset = this.#mildOffset();
    }
    let healed = false;
    // A clock that is behind shows best when nobody else writes.
    const only = rng.chance(0.5) ? rng.pick(this.nodes) : undefined;
    for (let round = 0; round < 48; round++) {
      this.advance(2_500);
      this.#deliverAll();
      for (let i = 0; i < 3; i++) this.write(only ?? rng.pick(this.nodes));
      this.#exchange();
      if (this.nodes.some(({ disk, isMember }) => disk.votes.abstains && isMember) && round % 4 === 3)
        this.#renew(round);
      this.#finishDecision();
      if (round < 20) continue;
      const isVoting = this.members.every(({ disk: { votes } }) => !votes.abstains && votes.accepted === undefined);
      healed = isVoting && this.members.every(({ floorAt, clock }) => clock - floorAt <= FLOOR_WITHIN_MS);
      if (healed) break;
    }
    if (this.deciding.isStuck(this.members)) return;
    if (!healed) {
      const floors = this.members.map(({ floorAt }) => timeOf(floorAt)).join(', ');
      throw new Broken(`after healing the floors are behind: ${floors} at ${timeOf(world.now)}`);
    }
    for (let round = 0; round < 18; round++) {
      this.advance(2_500);
      this.#finishDecision();
      this.#exchange();
    }
    // One who withholds things half of the time may have withheld the last.
    for (let i = 0; i < 4; i++) this.#exchange();
    const [first, ...others] = this.members as readonly [FloorNode, ...FloorNode[]];
    for (const node of others) {
      if (!equalBytes(node.state.hash, first.state.hash)) throw new Broken('nodes have different rosters');
      if (node.floorAt !== first.floorAt) throw new Broken('nodes have different floors');
      if (!equalBytes(rootOf(node.live), rootOf(first.live)))
        throw new Broken('one floor and one roster have two states');
    }
    if (!equalBytes(rootOf(first.live), first.disk.floor?.claim.root ?? rootOf(new Map())))
      throw new Broken('nothing is above the floor, and the state is not that of the floor');
  }

  /** An open decision holds cuts, and any writer goes on with it. */
  #finishDecision(): void {
    if (this.nodes.some(({ disk }) => disk.votes.accepted !== undefined))
      for (const node of this.nodes) this.deciding.begin(node);
  }

  get members(): readonly FloorNode[] {
    return this.nodes.filter(({ isMember }) => isMember);
  }

  #exchange(): void {
    this.#deliverAll();
    for (const a of this.nodes) for (const b of this.nodes) if (a.index < b.index) this.sync(a, b);
  }

  #deliverAll(): void {
    const { mail } = this;
    this.mail = [];
    for (const one of mail) this.#hear(this.nodes[one.to] as FloorNode, one);
  }

  /** A store that lost its votes takes part again in the next epoch, so operators decide one. */
  #renew(round: number): void {
    this.deciding.want({ kind: 'settings', certify: 'majority', retentionMs: 20_000 + round });
    for (const node of this.nodes) this.deciding.begin(node);
  }
}
