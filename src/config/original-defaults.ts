import type { OldNode } from './old-node.ts';

/** What a node does where its file says nothing of it, and the original did otherwise: nobody notices by the file. */
interface Difference {
  /** Whether the file of this node leads to the difference. */
  readonly isMet: (old: OldNode) => boolean;
  /** What is another and how to have it otherwise, as one sentence after the names of the nodes. */
  readonly told: (old: OldNode) => string;
}

/** A fail-over in less than this is a matter of seconds, of which nobody has to be told. */
const QUICK_MS = 10_000;

const DIFFERENCES: readonly Difference[] = [
  {
    isMet: ({ text }) => text('CORS_ORIGINS') === undefined,
    told: () =>
      'no page of another origin may call the API, where the original let every page do so; name such pages in DIOTEC360_CORS_ORIGINS',
  },
  {
    isMet: ({ text, config }) => text('P2P_ENABLED') === undefined && config.p2p.enabled,
    told: () =>
      'P2P is on because the file has addresses for it, where the original left it off; DIOTEC360_P2P_ENABLED=false switches it off',
  },
  {
    // The original waits for 60 s whatever its files say, so that a long time in them was nobody's choice.
    isMet: ({ config }) => config.p2p.enabled && config.peerlessTimeoutMs >= QUICK_MS,
    told: ({ config, text }) =>
      `PEERLESS_TIMEOUT=${text('PEERLESS_TIMEOUT')} goes on, so that HTTP takes over from P2P ${config.peerlessTimeoutMs / 1000} s after the last sign of a peer; without that line it does after 3 s`,
  },
];

/**
 * Sentences about what nodes do otherwise than the original did with the same files, each with the names of the nodes
 * that it is about. `names` has the name of each node, in the order of `olds`.
 */
export function differingDefaults(olds: readonly OldNode[], names: readonly string[]): readonly string[] {
  const about = new Map<string, string[]>();
  for (const { isMet, told } of DIFFERENCES) {
    olds.forEach((old, i) => {
      if (!isMet(old)) return;
      const sentence = told(old);
      about.set(sentence, [...(about.get(sentence) ?? []), names[i] ?? '']);
    });
  }
  return Array.from(about, ([sentence, nodes]) => `${nodes.join(', ')}: ${sentence}`);
}
