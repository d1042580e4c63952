import { hlcMs } from '../../core/clock/index.ts';
import { batches } from '../../core/reconcile/index.ts';
import type { Step } from '../../core/replica/index.ts';
import type { Author, Bytes, Fragment } from '../../core/types/index.ts';
import { encodeSync } from '../../core/wire/index.ts';
import type { Clock, Log, Metrics } from '../../ports/index.ts';
import type { Applied, TakenFragment } from '../commit/applied.ts';
import type { Contradictions } from '../commit/contradictions.ts';
import type { Covering } from '../commit/covering.ts';
import type { Guard } from '../commit/guard.ts';
import type { OwnState } from '../commit/own-state.ts';
import type { Pushed } from './consumers.ts';
import type { GossipOutbox } from './outbox.ts';
import type { Streams } from './streams.ts';

export interface FanOutDeps {
  readonly self: Author;
  readonly own: Pick<OwnState, 'advance' | 'sawOwn'>;
  readonly guard: Pick<Guard, 'madeCommit' | 'sawOwnCommit'>;
  /** To be called when an operation of this node's own comes from elsewhere that was not here. */
  readonly onOwnFromElsewhere: () => void;
  /** Notes the keys of which a peer still shows what was this node's own and has been replaced. */
  readonly covering: Pick<Covering, 'note'>;
  /** Notes operations that a peer has and that this node refuses, because its state is closed for their time. */
  readonly onOffered: (by: Author, fragment: Fragment, index: number) => void;
  readonly contradictions: Pick<Contradictions, 'note'>;
  /** The trailing tree of cuts. */
  readonly cuts: { applied(applied: Applied): void };
  /** Requests of other nodes that wait for commits. */
  readonly awaits: { applied(applied: Applied): void };
  readonly checkpoints: { applied(sequence: number, changes: number): void };
  readonly outbox: Pick<GossipOutbox, 'add'>;
  /** True when P2P runs and the mode allows it. */
  readonly gossips: () => boolean;
  readonly streams: Pick<Streams, 'publish'>;
  /** Absent where the node has no vault. */
  readonly vault?: { applied(changed: Step['changed']): void } | undefined;
  /** Offers live commits to the peers that HTTP carries and that have no stream from us. */
  readonly push: (messages: () => readonly Bytes[], except: Author | undefined) => void;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly log: Log;
}

/** Reports steps to the rest of the node once nothing can take them back. Neither function throws. */
export interface FanOut {
  /** To be called when a batch has become durable. */
  durable(applied: Applied): void;
  /**
   * To be called for a step that left the state as it was, because its operations were held, superseded or deferred.
   */
  unchanged(applied: Applied): void;
}

/** A batch on its way through the stages. */
interface Telling {
  readonly applied: Applied;
  /** The commits that are fresh here and are passed on. */
  readonly pushed: readonly Pushed[];
  readonly gossip: readonly Fragment[];
}

/**
 * Everything that happens after a batch is durable, in this order. A stage that throws is logged and counted under its
 * name, and the other stages run: no failure of theirs may take the batch back.
 */
export function createFanOut(deps: FanOutDeps): FanOut {
  const { self, own, guard, metrics } = deps;

  /** Takes note of commits of our own key: those just made, and those that came from elsewhere. */
  function ownHistory({ step, taken, amended }: Applied): void {
    for (const { header } of step.commits) {
      own.sawOwn(header.hlc);
      guard.madeCommit(header.hlc);
    }
    if (step.unmade.length > 0) guard.sawOwnCommit();
    let isBack = false;
    for (const { fragment, outcomes } of taken) {
      if (fragment.header.author !== self || !outcomes.includes('added')) continue;
      own.sawOwn(fragment.header.hlc);
      isBack = true;
    }
    if (amended)
      for (const { before, after } of step.changed)
        for (const sibling of after?.siblings ?? []) {
          if (sibling.author !== self) continue;
          own.sawOwn(sibling.hlc);
          // What a recount brings back was hidden here, so nothing of this node's own was lost.
          isBack ||= step.recounted !== true && before?.siblings.some(({ hlc }) => hlc === sibling.hlc) !== true;
        }
    if (isBack) deps.onOwnFromElsewhere();
  }

  /**
   * Anybody can send an old commit again. Only what a repair brings is in a peer's state, where readers see it.
   */
  function heedRepairs(taken: Applied['taken']): void {
    for (const { fragment, outcomes, origin } of taken) {
      if (origin.live) continue;
      outcomes.forEach((outcome, i) => {
        const operation = fragment.operations[i]?.operation;
        if (outcome === 'old-news' && operation !== undefined) deps.covering.note(operation.key);
        if (outcome === 'below-floor' && origin.peer !== undefined) deps.onOffered(origin.peer, fragment, i);
      });
    }
  }

  function count({ applied: { step, taken } }: Telling): void {
    metrics.count('lattice_applied_batches_total');
    metrics.count('lattice_changed_keys_total', {}, step.changed.length);
    for (const { fragment } of taken.filter(isFresh))
      metrics.observe('lattice_replication_seconds', (deps.clock.now() - hlcMs(fragment.header.hlc)) / 1000);
  }

  const stages: readonly (readonly [name: string, run: (telling: Telling) => void])[] = [
    ['state', ({ applied }) => own.advance(applied.step.meta)],
    ['cuts', ({ applied }) => deps.cuts.applied(applied)],
    ['awaits', ({ applied }) => deps.awaits.applied(applied)],
    ['checkpoints', ({ applied: { step } }) => deps.checkpoints.applied(step.sequence, step.changed.length)],
    [
      'own-history',
      ({ applied }) => {
        ownHistory(applied);
        heedRepairs(applied.taken);
      },
    ],
    ['contradictions', ({ applied: { step } }) => deps.contradictions.note(step.contradictions)],
    ['metrics', count],
    [
      'gossip',
      ({ gossip }) => {
        if (deps.gossips()) deps.outbox.add(gossip);
      },
    ],
    ['streams', ({ applied: { step }, pushed }) => deps.streams.publish({ sequence: step.sequence, step, pushed })],
    [
      'vault',
      ({ applied: { step } }) => {
        const passed = step.passed.map(({ entry, ...one }) => ({ ...one, before: entry, after: entry }));
        deps.vault?.applied(passed.length === 0 ? step.changed : [...step.changed, ...passed]);
      },
    ],
    [
      'http-push',
      ({ pushed }) => {
        for (const [from, group] of byBringer(pushed)) deps.push(() => pushMessages(group), from);
      },
    ],
  ];

  // Each failure is counted from 0 on: a monitoring system sees the first one only as a growth of what it has seen.
  for (const [stage] of stages) metrics.count('lattice_fan_out_failures_total', { stage }, 0);

  function guarded(stage: string, sequence: number, run: () => void): void {
    try {
      run();
    } catch (err) {
      deps.log.error({ err, stage, sequence }, 'a durable batch was not told on');
      metrics.count('lattice_fan_out_failures_total', { stage });
    }
  }

  return {
    durable(applied) {
      const telling = { applied, ...toPassOn(applied) };
      for (const [name, run] of stages) guarded(name, applied.step.sequence, () => run(telling));
    },
    unchanged(applied) {
      // An operation that is superseded at present may have been a sibling at the last cut.
      guarded('cuts', applied.step.sequence, () => deps.cuts.applied(applied));
      guarded('awaits', applied.step.sequence, () => deps.awaits.applied(applied));
      guarded('own-history', applied.step.sequence, () => heedRepairs(applied.taken));
      guarded('contradictions', applied.step.sequence, () => deps.contradictions.note(applied.step.contradictions));
    },
  };
}

/** Only what is fresh is passed on. What a repair found, other nodes find by repairs of their own. */
const isFresh = ({ origin, outcomes }: TakenFragment): boolean => origin.live && outcomes.includes('added');

/** Own commits go everywhere. What came live over one lung is sent on once over the other (SPEC G5). */
function toPassOn({ step, taken }: Applied): Pick<Telling, 'pushed' | 'gossip'> {
  const pushed: Pushed[] = step.commits.map((fragment) => ({ fragment, from: undefined }));
  const gossip = [...step.commits];
  for (const one of taken) {
    if (!isFresh(one)) continue;
    pushed.push({ fragment: one.fragment, from: one.origin.peer });
    if (one.origin.lung === 'http') gossip.push(one.fragment);
  }
  return { pushed, gossip };
}

/** Live push messages with these commits, each within the limit of one sync message. */
function pushMessages(fragments: readonly Fragment[]): Bytes[] {
  return batches(fragments).map((batch) =>
    encodeSync({ type: 'push', live: true, fragments: batch.map((b) => b.bytes) }),
  );
}

/** The commits, grouped by the peer that brought them. */
function byBringer(pushed: readonly Pushed[]): ReadonlyMap<Author | undefined, readonly Fragment[]> {
  const groups = new Map<Author | undefined, Fragment[]>();
  for (const { fragment, from } of pushed) {
    const group = groups.get(from);
    if (group === undefined) groups.set(from, [fragment]);
    else group.push(fragment);
  }
  return groups;
}
