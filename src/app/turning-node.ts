import { type Author, type Bytes, LatticeError } from '../core/types/index.ts';
import { authorToPeerId } from '../core/wire/peer-id.ts';
import type { Clock, Log } from '../ports/index.ts';
import type { Lattice, RunningNode } from '../runtime/index.ts';
import { settleWithin } from '../timing/index.ts';
import type { KeyedNode } from './keyed-node.ts';
import { handOverStore } from './store-owner.ts';
import { createTurningGate } from './turning-gate.ts';
import { createTurningLattice } from './turning-lattice.ts';

/** A node that does not stop by then has a lung or a disk that hangs; the process ends, and starts with the new key. */
const MAX_STOP_MS = 15_000;

/** A node whose key may turn while it runs (SPEC RO18). */
export interface TurningNode {
  /** The one face of it, under whatever key. */
  readonly lattice: Lattice;
  /** The author of its present key. */
  readonly author: Author;
  nameOf: RunningNode['nameOf'];
  reconfigure: RunningNode['reconfigure'];
  setReadOnly: RunningNode['setReadOnly'];
  start(): void;
  /** Throws LatticeError `other-author` unless the roster says that this key takes the place of the present one. */
  checkTurn(to: Author): void;
  /**
   * Goes on under another key, which `checkTurn` has let pass. What was acknowledged is durable before the new key signs
   * anything. When it rejects, the node either goes on as before, or has ended.
   */
  turn(seed: Bytes, to: Author): Promise<void>;
  stop(): Promise<void>;
}

export function createTurningNode(
  first: KeyedNode,
  deps: {
    readonly directory: string;
    /** Opens the node of another key over the same store. */
    readonly open: (seed: Bytes) => Promise<KeyedNode>;
    /** Is told of a node that could not go on under either key. */
    readonly onFailed: (error: LatticeError) => void;
    readonly clock: Clock;
    readonly log: Log;
  },
): TurningNode {
  const { directory, clock, log } = deps;
  const gate = createTurningGate(clock);
  let now = first;
  let isStopped = false;
  let turning: Promise<void> | undefined;
  /** What the process around the node has found, which the next node is told as well. */
  const readOnly = new Map<Parameters<RunningNode['setReadOnly']>[0], string | undefined>();

  async function goOn(seed: Bytes, to: Author): Promise<void> {
    const old = now;
    log.info({ from: authorToPeerId(old.author), to: authorToPeerId(to) }, 'the node takes another key');
    gate.close();
    try {
      // From here on a start needs the new key, whatever becomes of this process.
      await handOverStore(directory, old.author, to);
    } catch (error) {
      gate.open();
      throw error;
    }
    try {
      isStopped = true;
      const hangs = (): LatticeError =>
        new LatticeError('key-turning', `the node did not stop within ${MAX_STOP_MS / 1000} s to take another key`, {
          next: 'start it again: it has its new key then',
        });
      await settleWithin(clock, MAX_STOP_MS, old.giveWay(), hangs);
      now = await deps.open(seed);
      isStopped = false;
      for (const [code, text] of readOnly) now.node.setReadOnly(code, text);
      now.node.start();
    } catch (error) {
      const failure =
        error instanceof LatticeError ? error : new LatticeError('internal', String(error), { cause: error });
      deps.onFailed(failure);
      throw failure;
    }
    gate.open();
    log.info({ peerId: authorToPeerId(to), publicKey: to }, 'the node goes on under its new key');
  }

  return {
    lattice: createTurningLattice(() => now, gate),
    get author() {
      return now.author;
    },
    nameOf: (author) => now.node.nameOf(author),
    reconfigure: (next) => now.node.reconfigure(next),
    setReadOnly(code, text) {
      readOnly.set(code, text);
      now.node.setReadOnly(code, text);
    },
    start: () => now.node.start(),
    checkTurn(to) {
      const { members } = now.lattice.members.roster();
      const present = members.find(({ author }) => author === now.author);
      const next = members.find(({ author }) => author === to);
      const isMember = next !== undefined && next.role !== 'retired';
      if (isMember && (present === undefined || present.role === 'retired')) return;
      throw new LatticeError(
        'other-author',
        `this is node ${authorToPeerId(now.author)}, and the configured key is that of ${authorToPeerId(to)}, ` +
          (isMember ? 'which is another member' : 'which is no member'),
        {
          next: 'have the change decided first: lattice members rotate does all of it; or put the former key back',
          details: { author: now.author, configured: to },
        },
      );
    },
    async turn(seed, to) {
      turning = goOn(seed, to);
      await turning;
    },
    async stop() {
      // A turn that is under way ends first: it has a node that is about to start.
      await turning?.catch(() => undefined);
      if (isStopped) return;
      isStopped = true;
      await now.stop();
    },
  };
}
