import type { Author } from '../../core/types/index.ts';
import type { ReadOnlyCode } from '../facade/codes.ts';
import type { Lattice } from '../facade/index.ts';
import type { NodeDeps, NodeOptions, Reconfiguration } from '../facade/options.ts';
import { savedCells } from '../storage/saved-cells.ts';
import { measured } from '../watch/measured.ts';
import { createSeries, type Standing } from '../watch/series.ts';
import { assembleLattice } from './lattice.ts';
import { openNode } from './open.ts';
import { buildParts, type Parts } from './parts.ts';
import { createReconfigure } from './reconfigure.ts';
import { followRoster } from './roster-effects.ts';

export interface RunningNode {
  readonly lattice: Lattice;
  /** Starts both lungs and everything else that runs. It never waits for them. */
  start(): void;
  /**
   * Takes another trust list and other configured peers (SPEC N18), and resolves when everything acts by them, with the
   * authors who are trusted no more.
   */
  reconfigure(next: Reconfiguration): Promise<readonly Author[]>;
  /** What people read in place of another node's id (SPEC J5). */
  nameOf(author: Author): string;
  /** Sets or clears a reason for being read-only that only the process can see, such as too little disk space. */
  setReadOnly(code: ReadOnlyCode, text: string | undefined): void;
  /**
   * Stops the lungs, ends the streams and waits for the last batch. The store stays open, because the caller owns it.
   */
  stop(): Promise<void>;
}

/** A part that runs. Some parts need no start, and some end at once. */
interface Runner {
  start?(): void;
  stop(): void | Promise<void>;
}

/**
 * Makes a node over its ports: opens and verifies the state, then builds the parts. Rejects when the store does not
 * verify.
 */
export async function createNode(asked: NodeOptions, given: NodeDeps): Promise<RunningNode> {
  const options = { ...asked };
  const startedAt = given.clock.now();
  const series = createSeries({ clock: given.clock, metrics: given.metrics, log: given.log, machine: given.machine });
  const deps = measured(given, series.metrics);
  const opened = await openNode(options, deps);
  const parts = buildParts(options, deps, opened);
  followRoster({ opened, parts, log: deps.log.child('node') });
  const { lattice, keeper } = assembleLattice({ options, deps, opened, parts, series, startedAt });
  const standing = (): Standing => {
    const { converged, conflicts, verdict } = lattice.status();
    const heard = verdict.members.filter(({ agreement }) => agreement !== 'not-heard' && agreement !== 'never-heard');
    return { peersEqual: converged.equal, peers: converged.peers, heard: heard.length, conflicts };
  };
  const runners = [...runnersOf(parts), keeper, { start: () => series.start(standing), stop: () => series.stop() }];

  return {
    lattice,
    start() {
      // A store that fails ends the process through onFatal.
      opened.known.save(parts.writer.keep).catch(() => undefined);
      for (const runner of runners) runner.start?.();
      for (const { code, text } of parts.rosterWarnings())
        if (code === 'other-configuration') deps.log.child('node').warn({}, text);
    },
    reconfigure: createReconfigure({ options, opened, parts, log: deps.log.child('node') }),
    nameOf: parts.names.label,
    setReadOnly(code, text) {
      parts.guard.set(code, text);
    },
    async stop() {
      // The order is reversed, but all are told at once, so that a lung that hangs leaves the others the time to end.
      await Promise.all(runners.toReversed().map(async (runner) => runner.stop()));
      // From here on only what is queued is written. The cells are saved with it; a failure to save them only makes the
      // next start slower.
      await parts.writer
        .drain(() => savedCells(opened.replica))
        .catch((error: unknown) => {
          deps.log.child('node').warn({ error: String(error) }, 'cells not saved');
        });
    },
  };
}

/** Everything that runs, in the order in which it starts. What others talk to comes before what talks to others. */
function runnersOf(parts: Parts): Runner[] {
  const { intake, responder, greeting, http, members, guard, peers } = parts;
  return [
    parts.snapshots,
    { stop: () => parts.streams.closeAll() },
    { stop: () => guard.stop() },
    parts.door,
    parts.outbox,
    {
      start: () =>
        parts.p2p.start({
          onGossip: intake.onGossip,
          standingOf: parts.standingOf,
          onRequest: (peer, message) => responder.answer(peer, message, 'p2p'),
          ...greeting,
        }),
      stop: () => parts.p2p.stop(),
    },
    {
      start: () =>
        http.start({
          onIdentity: members.foundAt,
          onLeft: parts.added.release,
          onTwin: guard.sawTwin,
          onHello: (author, hello) => intake.onHello(author, hello, 'http'),
          onFrame: intake.onStreamFrame,
          onReset: peers.repairSoon,
        }),
      stop: () => http.stop(),
    },
    parts.supervision,
    parts.coveringWrites,
    parts.lost,
    parts.expiry,
    parts.checkpoints,
    parts.integrity,
    parts.cuts,
    parts.membership,
    parts.rosterExchange,
    parts.completeExchange,
    parts.announcements,
    parts.announcing,
    parts.dialling,
    parts.invitations,
    parts.afterEnd,
    parts.collection,
    parts.bootstrap,
    parts.telling,
    parts.receipts,
    parts.remembered,
    ...(parts.vault === undefined ? [] : [parts.vault]),
  ];
}
