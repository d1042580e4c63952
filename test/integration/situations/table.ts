import type { MemberAgreement, VerdictCode, VerdictKind } from '../../../src/runtime/facade/index.ts';

export type StageName = 'network' | 'deaths' | 'clocks' | 'trust' | 'disk' | 'repairs' | 'alone';

/** What the surfaces of one node say in one situation. Node names are those of the fleets in `stages.ts`. */
export interface Row {
  /** The situation, and from which node it is looked at. */
  readonly situation: string;
  readonly seenFrom: 'another node' | 'the node itself' | 'any node';
  /** Which of the stages of `stages.ts` makes it. */
  readonly stage: StageName;
  readonly verdict: VerdictKind;
  /** The codes of the verdict's reasons, each once, in their order. */
  readonly codes: readonly VerdictCode[];
  /** The nodes that the sentence names. */
  readonly names: readonly string[];
  /** How other members compare, by name. */
  readonly members: Readonly<Record<string, MemberAgreement>>;
  /** Whether the trouble ends by itself; absent where there is none. */
  readonly heals?: 'by-itself' | 'operator';
  /** The reasons of /readyz; empty where it answers 200. */
  readonly notReady: readonly string[];
  /** The exit code of `lattice doctor` for the fleet. */
  readonly doctor: number;
  /** The alerts whose expression holds for the node. */
  readonly alerts: readonly string[];
  /** Alerts that the way in which the situation is made brings along. */
  readonly besides?: readonly string[];
}

/**
 * Alerts that look back over minutes, or for which the machine of the test is to blame. They may fire in any situation
 * of a fleet, and are looked for only where a row names them.
 */
export const LINGERING: readonly string[] = [
  'LatticeRefusing',
  'LatticeConflictsGrowing',
  'LatticeCutsStalled',
  'LatticeEventLoopSlow',
  'LatticeNoSync',
  'LatticeRootDivergence',
];

/** What a row says where nothing is wrong. */
const WELL = { codes: [], names: [], notReady: [], doctor: 0, alerts: [] } as const;

export const TABLE: readonly Row[] = [
  {
    ...WELL,
    situation: 'Every node is alive',
    stage: 'network',
    seenFrom: 'any node',
    verdict: 'CONVERGED',
    members: { lima: 'equal', oslo: 'equal' },
  },
  {
    ...WELL,
    situation: 'One pair has lost P2P',
    stage: 'network',
    seenFrom: 'another node',
    verdict: 'CONVERGED',
    members: { lima: 'equal', oslo: 'equal' },
  },
  {
    ...WELL,
    situation: 'The whole fleet has lost P2P',
    stage: 'network',
    seenFrom: 'any node',
    verdict: 'CONVERGED',
    members: { lima: 'equal', oslo: 'equal' },
    doctor: 1,
    alerts: ['LatticeOneLung'],
  },
  {
    ...WELL,
    situation: 'One pair has lost both lungs, and a third node passes on what they say',
    stage: 'network',
    seenFrom: 'another node',
    verdict: 'CONVERGED',
    members: { lima: 'equal', oslo: 'equal' },
  },
  {
    ...WELL,
    situation: 'A frozen node',
    stage: 'deaths',
    seenFrom: 'another node',
    verdict: 'DEGRADED',
    codes: ['not-heard'],
    names: ['oslo'],
    members: { lima: 'equal', oslo: 'not-heard' },
    heals: 'operator',
    doctor: 1,
    alerts: ['LatticePeerUnreachable'],
  },
  {
    ...WELL,
    situation: 'A dead node',
    stage: 'deaths',
    seenFrom: 'another node',
    verdict: 'DEGRADED',
    codes: ['not-heard'],
    names: ['oslo'],
    members: { lima: 'equal', oslo: 'not-heard' },
    heals: 'operator',
    doctor: 1,
    alerts: ['LatticePeerUnreachable'],
  },
  {
    ...WELL,
    situation: 'A node that died before this one started',
    stage: 'deaths',
    seenFrom: 'another node',
    verdict: 'DEGRADED',
    codes: ['not-heard'],
    names: ['oslo'],
    members: { lima: 'equal', oslo: 'not-heard' },
    heals: 'operator',
    doctor: 1,
    alerts: ['LatticePeerUnreachable'],
  },
  {
    ...WELL,
    situation: 'No other node is alive',
    stage: 'deaths',
    seenFrom: 'the node itself',
    verdict: 'ISOLATED',
    codes: ['not-heard'],
    names: ['lima', 'oslo'],
    members: { lima: 'not-heard', oslo: 'not-heard' },
    heals: 'operator',
    doctor: 1,
    alerts: ['LatticeNoPeers', 'LatticePeerUnreachable', 'LatticeNoSync'],
  },
  {
    ...WELL,
    situation: 'A damaged store',
    stage: 'repairs',
    seenFrom: 'another node',
    verdict: 'DEGRADED',
    codes: ['not-heard'],
    names: ['oslo'],
    members: { lima: 'equal', oslo: 'not-heard' },
    heals: 'operator',
    doctor: 1,
    alerts: ['LatticePeerUnreachable'],
  },
  {
    ...WELL,
    situation: 'A full disk',
    stage: 'disk',
    seenFrom: 'another node',
    verdict: 'DEGRADED',
    codes: ['member-read-only'],
    names: ['lima'],
    members: { lima: 'equal' },
    heals: 'operator',
    doctor: 1,
    alerts: ['LatticePeerReadOnly'],
  },
  {
    ...WELL,
    situation: 'A full disk',
    stage: 'disk',
    seenFrom: 'the node itself',
    verdict: 'READ_ONLY',
    codes: ['disk'],
    members: { cairo: 'equal' },
    heals: 'operator',
    notReady: ['disk'],
    doctor: 1,
    alerts: ['LatticeDiskLow', 'LatticeReadOnly'],
  },
  {
    ...WELL,
    situation: 'A wrong clock',
    stage: 'clocks',
    seenFrom: 'another node',
    verdict: 'DEGRADED',
    codes: ['member-read-only'],
    names: ['lima'],
    members: { lima: 'equal' },
    heals: 'operator',
    doctor: 1,
    alerts: ['LatticeClock', 'LatticePeerReadOnly'],
  },
  {
    ...WELL,
    situation: 'A wrong clock',
    stage: 'clocks',
    seenFrom: 'the node itself',
    verdict: 'READ_ONLY',
    codes: ['clock-skew'],
    members: { cairo: 'equal' },
    heals: 'operator',
    notReady: ['clock-skew'],
    doctor: 1,
    alerts: ['LatticeClock', 'LatticeReadOnly'],
  },
  {
    // Nothing tells it so. Doctor compares every clock with that of the machine on which it runs.
    ...WELL,
    situation: 'A node by itself with a wrong clock',
    stage: 'clocks',
    seenFrom: 'the node itself',
    verdict: 'ALONE',
    members: {},
    doctor: 1,
  },
  {
    ...WELL,
    situation: 'A node that is not on its own trust list',
    stage: 'disk',
    seenFrom: 'another node',
    verdict: 'DEGRADED',
    codes: ['member-read-only'],
    names: ['lima'],
    members: { lima: 'equal' },
    heals: 'operator',
    doctor: 1,
    alerts: ['LatticePeerReadOnly'],
  },
  {
    ...WELL,
    situation: 'A node that is not on its own trust list',
    stage: 'disk',
    seenFrom: 'the node itself',
    verdict: 'READ_ONLY',
    codes: ['untrusted-self'],
    members: { cairo: 'equal' },
    heals: 'operator',
    notReady: ['untrusted-self'],
    doctor: 1,
    alerts: ['LatticeReadOnly'],
  },
  {
    ...WELL,
    situation: 'An author whom one node does not trust',
    stage: 'trust',
    seenFrom: 'another node',
    verdict: 'DIVERGED',
    codes: ['refused'],
    names: ['oslo'],
    members: { lima: 'equal', oslo: 'differs' },
    heals: 'operator',
    doctor: 1,
    alerts: ['LatticeRootDivergence'],
  },
  {
    ...WELL,
    situation: 'An author whom one node does not trust',
    stage: 'trust',
    seenFrom: 'the node itself',
    verdict: 'DIVERGED',
    codes: ['refused'],
    names: ['cairo', 'lima'],
    members: { cairo: 'differs', lima: 'differs' },
    heals: 'operator',
    doctor: 1,
    alerts: ['LatticeNoSync', 'LatticeRefusing', 'LatticeRootDivergence'],
  },
  {
    ...WELL,
    situation: 'Nodes that differ and are being repaired',
    stage: 'repairs',
    seenFrom: 'any node',
    verdict: 'DIVERGED',
    codes: ['repairing'],
    names: ['lima', 'oslo'],
    members: { lima: 'differs', oslo: 'differs' },
    heals: 'by-itself',
    doctor: 1,
    besides: ['LatticeOneLung'],
  },
  {
    ...WELL,
    situation: 'A start, until the first comparison',
    stage: 'repairs',
    seenFrom: 'the node itself',
    verdict: 'STARTING',
    codes: ['not-compared'],
    names: ['lima', 'oslo'],
    members: { lima: 'differs', oslo: 'differs' },
    heals: 'by-itself',
    doctor: 1,
    besides: ['LatticeOneLung'],
    alerts: ['LatticeStarting'],
  },
  {
    ...WELL,
    situation: 'A node that takes over a snapshot',
    stage: 'repairs',
    seenFrom: 'another node',
    verdict: 'DEGRADED',
    codes: ['member-starting'],
    names: ['oslo'],
    members: { lima: 'equal', oslo: 'differs' },
    heals: 'by-itself',
    doctor: 1,
    besides: ['LatticeOneLung'],
  },
  {
    ...WELL,
    situation: 'A node that takes over a snapshot',
    stage: 'repairs',
    seenFrom: 'the node itself',
    verdict: 'STARTING',
    codes: ['bootstrap'],
    members: { cairo: 'differs', lima: 'differs' },
    heals: 'by-itself',
    notReady: ['bootstrap'],
    doctor: 1,
    besides: ['LatticeOneLung'],
    alerts: ['LatticeStarting'],
  },
  {
    ...WELL,
    situation: 'A node by itself',
    stage: 'alone',
    seenFrom: 'the node itself',
    verdict: 'ALONE',
    members: {},
  },
  {
    ...WELL,
    situation: 'A damaged object in the vault',
    stage: 'alone',
    seenFrom: 'the node itself',
    verdict: 'ALONE',
    members: {},
    doctor: 1,
    alerts: ['LatticeVaultDamaged'],
  },
];
