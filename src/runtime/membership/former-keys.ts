import { MAX_MEMBERS } from '../../core/roster/index.ts';
import { type Author, bytesToHex } from '../../core/types/index.ts';
import type { GoneView } from '../facade/members.ts';
import { type Ending, endingsOf } from '../fleet/endings.ts';
import type { Roster } from '../fleet/roster.ts';
import type { Changes } from './changes.ts';

/** Members that have left and are shown: as many as a roster has. */
const SHOWN_GONE = MAX_MEMBERS;

/** How the keys ended that write no more, as people are told (SPEC RO19). */
export interface FormerKeys {
  of(author: Author): Ending | undefined;
  /** Who stands in the present roster no more, the last first. */
  gone(): GoneView[];
}

export function createFormerKeys(deps: {
  readonly roster: Pick<Roster, 'present' | 'from'>;
  readonly changes: Pick<Changes, 'all'>;
  readonly peerIdOf: (author: Author) => string;
  /** What a node calls itself; undefined where that is not known. */
  readonly nameOf: (author: Author) => string | undefined;
}): FormerKeys {
  const { roster, changes } = deps;
  let known: { readonly of: string; readonly endings: ReadonlyMap<Author, Ending> } | undefined;

  /** The chain is gone through once for each roster. */
  function endings(): ReadonlyMap<Author, Ending> {
    const of = bytesToHex(roster.present.state.hash);
    if (known?.of !== of) {
      const actions = new Map(changes.all().map(({ epoch, change }) => [epoch, change.action]));
      known = { of, endings: endingsOf(roster.from(0), (epoch) => actions.get(epoch)) };
    }
    return known.endings;
  }

  function view({ author, name, how, until, to, epoch }: Ending): GoneView {
    return {
      author,
      peerId: deps.peerIdOf(author),
      name: name || (deps.nameOf(author) ?? ''),
      ...(how === undefined ? {} : { how }),
      ...(until === undefined ? {} : { until }),
      ...(to === undefined ? {} : { to }),
      epoch,
    };
  }

  return {
    of: (author) => endings().get(author),
    gone: () =>
      [...endings().values()]
        .filter((ending) => ending.gone)
        .sort((a, b) => b.epoch - a.epoch)
        .slice(0, SHOWN_GONE)
        .map(view),
  };
}
