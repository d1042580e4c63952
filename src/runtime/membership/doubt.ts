import type { RowWrite } from '../../core/replica/index.ts';
import { decidersOf } from '../../core/roster/index.ts';
import { DOUBT, encodeDoubt, type KeptDoubt } from '../../core/rows/index.ts';
import { type Author, MAX_AHEAD_MS } from '../../core/types/index.ts';
import type { Clock, Log } from '../../ports/index.ts';
import type { Roster } from '../fleet/roster.ts';

/**
 * How much later than a restore a roster begins under which the lost store cannot have voted, and until when what that
 * store had sent may be on its way: no two clocks of a fleet that go are further apart.
 */
const LATER_MS = MAX_AHEAD_MS;
/** A restored store is shown its own commits by the thousand. One sign a second is enough. */
const AGAIN_MS = 1_000;

/** Why a store may lack what its key has signed. `unasked`: nobody has been asked since the start. */
export type DoubtKind = 'unasked' | KeptDoubt['kind'];

export interface DoubtDeps {
  readonly self: Author;
  readonly roster: Pick<Roster, 'present' | 'writers' | 'onChange'>;
  readonly clock: Pick<Clock, 'now'>;
  readonly log: Log;
  /** What an earlier run has kept. */
  readonly saved: KeptDoubt | undefined;
  /** Whether there was nothing in the store when the node started. */
  readonly isNew: boolean;
  /** Whether the store ends before what the witness saw. */
  readonly isShort: boolean;
  readonly keep: (make: () => readonly RowWrite[]) => Promise<void>;
  /** The time up to which the lost store may have attested: nothing is attested up to there. */
  readonly passed: (at: number) => void;
}

/**
 * Whether this store may lack votes and attestations of its own key: it is new, or a copy of an earlier one was put
 * back (SPEC RO11). As long as it may, the node signs neither, because it could contradict itself.
 */
export interface Doubt {
  /** Why this node gives no votes; undefined where it may. */
  why(): DoubtKind | undefined;
  mayAttest(): boolean;
  /** To be called when something comes from elsewhere that this node's key signed, and that this store never had. */
  sawLost(what: string): void;
  /** Notes that a member has told which notices it has and has been understood, since this node started. */
  heard(peer: Author): void;
  /** Notes that a member that goes by the same roster has told everything that it knows of this decision. */
  heardAllOf(peer: Author): void;
  /** Ends the doubt where its time has come, and makes durable what changed. */
  look(): Promise<void>;
}

export function createDoubt(deps: DoubtDeps): Doubt {
  const { self, roster, clock, log } = deps;
  let doubt = deps.saved;
  let kept = deps.saved;
  /** Writers that were asked since the start, whatever they go by. */
  const asked = new Set<Author>();
  /** Writers that told all they know of the present decision, after what was sent to the lost store has arrived. */
  const told = new Set<Author>();
  roster.onChange(() => told.clear());
  if (doubt === undefined && deps.isNew) doubt = { kind: 'new', since: clock.now() };
  if (deps.isShort) sawLost('the end of the store');

  function sawLost(what: string): void {
    const since = clock.now();
    if (doubt?.kind === 'restored' && since - doubt.since < AGAIN_MS) return;
    if (doubt?.kind !== 'restored')
      log.warn(
        { what },
        'this store lacks what its key has signed: it votes and attests no more until that is settled',
      );
    doubt = { kind: 'restored', since };
    told.clear();
    save().catch((error: unknown) => log.debug({ error: String(error) }, 'not saved'));
  }

  async function save(): Promise<void> {
    if (kept === doubt) return;
    await deps.keep(() => {
      kept = doubt;
      return [
        doubt === undefined ? { type: 'del', key: DOUBT } : { type: 'put', key: DOUBT, value: encodeDoubt(doubt) },
      ];
    });
  }

  const others = (): readonly Author[] => roster.writers.filter((author) => author !== self);

  function isOver({ kind, since }: KeptDoubt): boolean {
    if (roster.present.start > since + LATER_MS) return true;
    if (kind === 'restored' && clock.now() <= since + LATER_MS) return false;
    return others().every((author) => told.has(author));
  }

  /** Without a majority nothing is decided nor certified, so that waiting for one costs nothing. */
  function isUnasked(): boolean {
    const heard = others().filter((author) => asked.has(author)).length;
    return heard + 1 < decidersOf(roster.present.state.roster);
  }

  const why = (): DoubtKind | undefined => doubt?.kind ?? (isUnasked() ? 'unasked' : undefined);

  return {
    why,
    mayAttest() {
      const reason = isUnasked() ? 'unasked' : why();
      // A fleet that begins has nothing behind it, and would else certify nothing until its last node has come.
      return reason === undefined || (reason === 'new' && roster.present.state.roster.epoch === 0);
    },
    sawLost,
    heard: (peer) => void asked.add(peer),
    heardAllOf(peer) {
      asked.add(peer);
      if (doubt !== undefined && (doubt.kind === 'new' || clock.now() > doubt.since + LATER_MS)) told.add(peer);
    },
    async look() {
      if (doubt !== undefined && isOver(doubt)) {
        log.info({ kind: doubt.kind }, 'nothing that this key signed is missing any more: this node votes and attests');
        if (doubt.kind === 'restored') deps.passed(doubt.since + LATER_MS);
        doubt = undefined;
        told.clear();
      }
      await save();
    },
  };
}
