import type { ReadOnlyCode } from '../facade/codes.ts';
import type { Lattice } from '../facade/index.ts';
import type { NodeDeps, NodeOptions } from '../facade/options.ts';
import { savedCells } from '../storage/saved-cells.ts';
import { measured } from '../watch/measured.ts';
import { createSeries } from '../watch/series.ts';
import { assembleLattice } from './lattice.ts';
import { openNode } from './open.ts';
import { buildParts, type Parts } from './parts.ts';

export interface RunningNode {
  readonly lattice: Lattice;
  /** Starts both lungs. Never waits for them. */
  start(): void;
  /** Sets or clears a reason for being read-only, for what only the process can see (disk space). */
  setReadOnly(code: ReadOnlyCode, text: string | undefined): void;
  /** Stops the lungs, ends the streams, waits for the last batch. The store stays open: it is the caller's. */
  stop(): Promise<void>;
}

/** A part that runs: some need no start, some end at once. */
interface Runner {
  start?(): void;
  stop(): void | Promise<void>;
}

/** A node over its ports: opens and verifies the state, then builds the parts. Rejects when the store does not verify. */
export async function createNode(options: NodeOptions, given: NodeDeps): Promise<RunningNode> {
  const startedAt = given.clock.now();
  const series = createSeries({ clock: given.clock, metrics: given.metrics, log: given.log, machine: given.machine });
  const deps = measured(given, series.metrics);
  const opened = await openNode(options, deps);
  const parts = buildParts(options, deps, opened);
  const lattice = assembleLattice({ options, deps, opened, parts, series, startedAt });
  const agreement = () => lattice.status().converged;
  const runners = [...runnersOf(parts), { start: () => series.start(agreement), stop: () => series.stop() }];

  return {
    lattice,
    start() {
      for (const runner of runners) runner.start?.();
    },
    setReadOnly: parts.guard.set,
    async stop() {
      // In the reverse order, all of them told at once: a lung that hangs leaves the others the time to end.
      await Promise.all(runners.toReversed().map(async (runner) => runner.stop()));
      // Nothing writes any more but what is queued. Without the cells the next start takes longer, no more.
      await parts.writer
        .drain(() => savedCells(opened.replica))
        .catch((error: unknown) => {
          deps.log.child('node').warn({ error: String(error) }, 'cells not saved');
        });
    },
  };
}

/** Everything that runs, in the order in which it starts: what others talk to before those that talk. */
function runnersOf(parts: Parts): Runner[] {
  const { intake, responder, greeting, http, members, guard, peers } = parts;
  return [
    parts.snapshots,
    { stop: () => parts.streams.closeAll() },
    parts.door,
    parts.outbox,
    {
      start: () =>
        parts.p2p.start({
          onGossip: intake.onGossip,
          onRequest: (peer, message) => responder.answer(peer, message, 'p2p'),
          ...greeting,
        }),
      stop: () => parts.p2p.stop(),
    },
    {
      start: () =>
        http.start({
          onIdentity: members.foundAt,
          onTwin: guard.sawTwin,
          onHello: (author, hello) => intake.onHello(author, hello, 'http'),
          onFrame: intake.onStreamFrame,
          onReset: peers.repairSoon,
        }),
      stop: () => http.stop(),
    },
    parts.supervision,
    parts.checkpoints,
    parts.integrity,
    parts.cuts,
    parts.bootstrap,
  ];
}
