import { hlcToHex } from '../../core/clock/index.ts';
import { toldOf } from '../../core/replica/index.ts';
import { versionOf } from '../../core/state/index.ts';
import { bytesToHex } from '../../core/types/index.ts';
import type { EventSubscription, LatticeEvent } from '../facade/index.ts';
import type { Consumers } from './consumers.ts';
import type { Cursors } from './replay.ts';

/** What an event tells of a change, apart from its id. */
type Told = Omit<Extract<LatticeEvent, { type: 'change' }>, 'id' | 'type'>;

/**
 * An event id is a cursor. That of a change also has the change's place in its batch: `<store
 * incarnation>.<sequence>.<place>`. To go on after it, the batch is replayed from its beginning, without the changes up
 * to that place.
 */
function resumeAfter(id: string | undefined): {
  readonly cursor: string | undefined;
  readonly wanted: (sequence: number, place: number) => boolean;
} {
  // What has another form than the id of a change is left to whoever reads cursors.
  const [, incarnation, sequence, place] = /^([^.]*)\.(\d{1,15})\.(\d{1,15})$/.exec(id ?? '') ?? [];
  if (place === undefined) return { cursor: id, wanted: () => true };
  const seen = { sequence: Number(sequence), place: Number(place) };
  return {
    cursor: `${incarnation}.${seen.sequence - 1}`,
    wanted: (s, p) => s > seen.sequence || p > seen.place,
  };
}

/**
 * Opens a stream of events (SPEC A8). `after` is the id of the last event that the reader has seen. `send` returns
 * whether there is room for more, and `dropped` is called when the node itself ends the stream.
 */
export function openEventStream(
  { consumers, cursors }: { readonly consumers: Consumers; readonly cursors: Cursors },
  after: string | undefined,
  send: (event: LatticeEvent) => boolean,
  dropped: () => void = () => undefined,
): Promise<EventSubscription> {
  const { cursor, wanted } = resumeAfter(after);
  const change = (sequence: number, place: number, told: Told): boolean =>
    send({ id: `${cursors.at(sequence)}.${place}`, type: 'change', ...told });
  const batchEnd = (sequence: number, root: Uint8Array, changes: number): boolean =>
    send({ id: cursors.at(sequence), type: 'batch', root: bytesToHex(root), changes });

  return consumers.join(
    {
      peer: undefined,
      take: ({ sequence, step }) => {
        const told = toldOf(step);
        const sent = told.every(({ key, shown, deleted }, i) => {
          const { author, hlc } = shown;
          return change(sequence, i, { key, version: versionOf(shown), deleted, author, hlc: hlcToHex(hlc) });
        });
        return sent && batchEnd(sequence, step.root, told.length);
      },
      takeEvent: send,
      drop: dropped,
    },
    {
      cursor,
      async replay(sequence, { root, changes }) {
        const sent = changes.every(({ key, commit, index, deleted, author, hlc }, i) => {
          if (!wanted(sequence, i)) return true;
          const version = versionOf({ commit, index });
          return change(sequence, i, { key, version, deleted, author, hlc: hlcToHex(hlc) });
        });
        return sent && batchEnd(sequence, root, changes.length);
      },
      reset: (reason, newest) => send({ id: cursors.at(newest), type: 'reset', reason }),
    },
  );
}
