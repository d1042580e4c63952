import { hlcMs } from '../../src/core/clock/index.ts';
import { type Author, LatticeError, type Sibling } from '../../src/core/types/index.ts';
import type { ChangeAction, ChangeView, Lattice } from '../../src/runtime/index.ts';
import type { World } from './face.ts';

/** How often operators look after what they want. */
const OPERATORS_MS = 2_000;

/** Operators of all nodes, who want the same changes one after the other, and what must hold of rosters at any time. */
export interface Operators {
  /** `also` is called at each of their turns. */
  start(also?: () => void): void;
  lattices(): readonly Lattice[];
  /** Whether all that was wanted is decided. */
  areDecided(): boolean;
  /** Whether these nodes, or else all, are up and go by the same roster. */
  areAlike(of?: readonly number[]): boolean;
  /** Up to when operations of those who stopped count, Unix ms. */
  ends(): ReadonlyMap<string, number>;
  /** Whether an operation counts by the ends of who retired. */
  counts(sibling: Sibling): boolean;
  describe(): string;
}

type Evidence = ReturnType<Lattice['evidence']>[number];

const isOfCuts = ({ kind }: Evidence): boolean => kind === 'two-roots' || kind === 'two-votes';

/** `accuses`: what evidence nobody may have. */
export function createOperators(
  world: World,
  wanted: readonly ChangeAction[],
  accuses: (evidence: Evidence) => boolean = isOfCuts,
): Operators {
  const nodes = Array.from({ length: world.size }, (_, i) => i);
  let next = 0;
  const hashes = new Map<number, string>();
  const certified = new Map<number, string>();

  const lattices = (): readonly Lattice[] => nodes.flatMap((i) => world.node(i)?.lattice ?? []);
  const isSame = (change: ChangeView, action: ChangeAction): boolean =>
    change.action.kind === action.kind &&
    (action.kind === 'settings' ||
      ('author' in change.action && 'author' in action && change.action.author === action.author));

  /** Has every operator whose node is up and writes approve what is wanted next. */
  async function operate(): Promise<void> {
    const action = wanted[next];
    if (action === undefined) return;
    const sameAt = ({ members }: Lattice): readonly ChangeView[] =>
      members.changes().filter((change) => isSame(change, action));
    // A node may have heard of the roster and not of the change, so that any node's word settles it.
    if (lattices().some((lattice) => sameAt(lattice).some(({ stage }) => stage === 'decided'))) {
      world.note(`decided: ${action.kind}`);
      next++;
      return;
    }
    for (const lattice of lattices()) {
      const { members } = lattice;
      const self = members.roster().members.find((member) => member.self);
      if (self?.role !== 'writer') continue;
      // Where several asked at the same time, all operators settle on one of these.
      const [open] = sameAt(lattice)
        .filter(({ stage }) => stage === 'waiting' || stage === 'deciding')
        .sort((x, y) => (x.id < y.id ? -1 : 1));
      if (open?.approvals.some(({ author }) => author === self.author) === true) continue;
      await (open === undefined ? members.propose(action) : members.approve(open.id));
    }
  }

  /** One roster for each epoch, and one certified root for each T. */
  function look(): void {
    for (const lattice of lattices()) {
      const { epoch, hash } = lattice.members.roster();
      const known = hashes.get(epoch) ?? hash;
      hashes.set(epoch, known);
      if (known !== hash) world.fail(`two rosters of epoch ${epoch}`);
      for (const one of lattice.evidence()) if (accuses(one)) world.fail(`evidence of ${one.kind}: ${one.about}`);
      for (const { at, root, certified: isCertified } of lattice.cuts()) {
        if (!isCertified) continue;
        const other = certified.get(at) ?? root;
        certified.set(at, other);
        if (other !== root) world.fail(`two certified roots of ${at}`);
      }
    }
  }

  const ends = (): ReadonlyMap<Author, number> =>
    new Map(
      (lattices()[0]?.members.roster().members ?? []).flatMap(({ author, until }) =>
        until === undefined ? [] : [[author as Author, until] as const],
      ),
    );

  return {
    start(also) {
      const turn = (): void => {
        look();
        // A node that crashes answers nobody, so that no turn waits for the one before.
        operate().catch((error: unknown) => {
          if (!(error instanceof LatticeError)) world.fail(`an operator got ${String(error)}`);
        });
        world.scheduler.after(OPERATORS_MS, 'plan', 'operators', turn);
        also?.();
      };
      world.scheduler.after(OPERATORS_MS, 'plan', 'operators', turn);
    },
    lattices,
    areDecided: () => next >= wanted.length,
    areAlike(of = nodes) {
      const rosters = of.map((i) => world.node(i)?.lattice.members.roster().hash);
      return !rosters.includes(undefined) && new Set(rosters).size === 1;
    },
    ends,
    counts: ({ author, hlc }) => hlcMs(hlc) <= (ends().get(author) ?? Infinity),
    describe: () =>
      `${next} of ${wanted.length} changes; ${nodes
        .map((i) => {
          const lattice = world.node(i)?.lattice;
          if (lattice === undefined) return `n${i} is down`;
          const { epoch, abstains } = lattice.members.roster();
          const open = lattice.members.changes().filter(({ stage }) => stage !== 'decided');
          const why = open.map((change) => `${change.action.kind} ${change.stage} ${change.why}`).join(', ');
          return `n${i} epoch ${epoch} root ${lattice.root().root.slice(0, 8)} ${abstains ?? ''} [${why}]`;
        })
        .join('; ')}`,
  };
}
