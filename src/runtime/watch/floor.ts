import { writersOf } from '../../core/roster/index.ts';
import { type Author, bytesToHex, counted } from '../../core/types/index.ts';
import type { Clock } from '../../ports/index.ts';
import type { Guard } from '../commit/guard.ts';
import type { AttestationBook } from '../cuts/attestation-book.ts';
import type { CompleteCuts } from '../cuts/complete.ts';
import type { Cuts } from '../cuts/cuts.ts';
import type { Warning } from '../facade/codes.ts';
import type { CollectionView, FloorHolder, FloorView } from '../facade/floor.ts';
import { timeOf } from '../facade/times.ts';
import type { HeaderVersions } from '../fleet/header-versions.ts';
import type { Names } from '../fleet/names.ts';
import type { RememberedPeers } from '../fleet/remembered-peers.ts';
import { type Roster, rosterAt } from '../fleet/roster.ts';
import type { Doubt } from '../membership/doubt.ts';
import type { PeerTable } from '../peers/peers.ts';
import { isHeard, lastHeard } from '../peers/view.ts';
import { base64url } from '../read/base64url.ts';
import type { Collection } from '../upkeep/collection.ts';
import type { SetAsides } from '../upkeep/set-aside.ts';

/**
 * How much of a period an attestation takes to everybody, after the cut has settled, where requests bring it and no
 * stream does.
 */
const SPREAD_PERIODS = 0.4;
/**
 * For how long the floor may be held without a warning: longer than an upgrade, a reboot or a repair of a machine takes,
 * and much less than the day for which tombstones stay in any case.
 */
const HELD_WARNING_MS = 3_600_000;

export interface FloorDeps {
  readonly self: Author;
  readonly clock: Clock;
  /** Unix ms. */
  readonly startedAt: number;
  readonly periodMs: number;
  readonly settleMs: number;
  readonly heartbeatMs: number;
  readonly graceMs: number;
  readonly roster: Roster;
  readonly book: Pick<AttestationBook, 'saidAt' | 'agreedAt'>;
  readonly complete: Pick<CompleteCuts, 'newest'>;
  readonly cuts: Pick<Cuts, 'status'>;
  readonly guard: Pick<Guard, 'reasons' | 'since'>;
  readonly doubt: Pick<Doubt, 'mayAttest' | 'text' | 'lastsMs'>;
  readonly peers: Pick<PeerTable, 'get'>;
  readonly names: Pick<Names, 'label'>;
  readonly remembered: Pick<RememberedPeers, 'of'>;
  readonly collection: Pick<Collection, 'status'>;
  /** Which members are known to collect. */
  readonly collectors: Pick<HeaderVersions, 'laggards'>;
  readonly asides: Pick<SetAsides, 'size' | 'lost'>;
  /** The epoch that a member last told. */
  readonly epochOf: (author: Author) => number | undefined;
  readonly peerIdOf: (author: Author) => string;
}

export interface FloorWatch {
  view(): FloorView;
  /** A warning once the floor has been held for HELD_WARNING_MS, and one while something is set aside. */
  warnings(): readonly Warning[];
}

type Hold = Pick<FloorHolder, 'code' | 'text' | 'next'> & { readonly since?: number | undefined };

/**
 * Tells where the floor stands, who holds it there, since when and why (SPEC FL4), and how far what is dead has left the
 * state (FL6).
 */
export function createFloorWatch(deps: FloorDeps): FloorWatch {
  const { self, clock, periodMs, settleMs, roster, book, names } = deps;
  const at = (ms: number): string => timeOf(ms, clock.now());

  /** Why this node itself does not attest. */
  function ownHold(): Hold {
    const { votes } = roster;
    const { lagging } = deps.cuts.status();
    const [reason] = deps.guard.reasons();
    if (votes.abstains)
      return {
        code: 'abstains',
        text: 'its store lost votes that others have heard, so it attests nothing until another roster is decided',
        next: 'have a change of the roster decided, for example lattice members settings',
      };
    if (votes.accepted !== undefined)
      return {
        code: 'abstains',
        text: 'it has voted for the next roster, which is not decided yet',
        next: 'see lattice members changes: a majority of the writers decides',
      };
    if (reason !== undefined)
      return {
        code: 'read-only',
        text: `it is read-only: ${reason.text}`,
        next: 'see lattice status',
        since: deps.guard.since(reason.code),
      };
    const doubt = deps.doubt.mayAttest() ? undefined : deps.doubt.text();
    if (doubt !== undefined)
      return {
        code: 'abstains',
        text: doubt,
        next: 'start the writers that it waits for; of one that never returns: lattice members retire',
        since: Math.round(clock.now() - deps.doubt.lastsMs()),
      };
    return {
      code: 'starting',
      text: lagging === undefined ? 'it has attested nothing yet' : `it fixes no cuts: ${lagging}`,
      next: 'wait a minute; then see lattice doctor',
    };
  }

  function awayHold(author: Author, label: string): Hold {
    const view = deps.peers.get(author)?.view;
    const heard = view === undefined ? -Infinity : lastHeard(view);
    const since =
      heard === -Infinity
        ? deps.remembered.of(author)?.lastHeardAt
        : Math.round(clock.now() - (clock.monotonic() - heard));
    return {
      code: 'away',
      text: since === undefined ? 'it was never heard' : `it was last heard at ${at(since)}`,
      next: `start it again; if it never returns: lattice members retire ${label}`,
      since,
    };
  }

  /** Why another writer does not attest what this node does, `differs` where it attested another state. */
  function holdOf(author: Author, label: string, differs: boolean): Hold {
    const view = deps.peers.get(author)?.view;
    if (view === undefined || !isHeard(view, clock.monotonic(), deps)) return awayHold(author, label);
    const since = book.agreedAt(author);
    if (differs)
      return { code: 'differs', text: 'it attested another state', next: `see lattice peers diff ${label}`, since };
    const { condition } = view;
    if (condition?.serves === false)
      return { code: 'starting', text: 'it takes over a snapshot', next: 'wait until it has the whole state', since };
    if (condition !== undefined && condition.readOnly.length > 0)
      return {
        code: 'read-only',
        text: `it tells that it refuses writes (${condition.readOnly.join(', ')}), and attests nothing`,
        next: `see lattice status on ${label}`,
        since: condition.refusesSince ?? since,
      };
    const { epoch } = roster.present.state.roster;
    const told = deps.epochOf(author);
    if (told !== undefined && told < epoch)
      return {
        code: 'behind',
        text: `it goes by the roster of epoch ${told}, not ${epoch}`,
        next: `see lattice members on ${label}: it takes the newer rosters once it hears them`,
        since,
      };
    return {
      code: 'abstains',
      text: 'it is heard and attests nothing',
      next: `see lattice floor on ${label}, which tells why`,
      since,
    };
  }

  function holders(due: number): FloorHolder[] {
    const { own, by } = book.saidAt(due);
    const writers = writersOf(rosterAt(roster, due).state.roster);
    const reference = by.get(self) ?? own ?? commonest(writers.flatMap((author) => by.get(author) ?? []));
    return writers.flatMap((author): FloorHolder[] => {
      const said = by.get(author);
      if (said !== undefined && said === reference) return [];
      const label = names.label(author);
      const { since, ...hold } = author === self ? ownHold() : holdOf(author, label, said !== undefined);
      return [
        {
          author,
          peerId: deps.peerIdOf(author),
          label,
          self: author === self,
          ...hold,
          ...(since === undefined ? {} : { since }),
        },
      ];
    });
  }

  function collected(): CollectionView {
    const { closed, collected: until, isCollecting, keys } = deps.collection.status();
    return {
      retentionMs: roster.present.state.roster.retentionMs,
      ...(closed === 0 ? {} : { closed }),
      ...(until === 0 ? {} : { collected: until }),
      collecting: isCollecting,
      keys,
      waitsFor: deps.collectors.laggards().map(({ label, told }) => ({
        label,
        text: told ? 'it runs a version that does not collect' : 'it was not heard yet by this node',
        next: told
          ? `update ${label} to the version of the others`
          : `start ${label} and let it be heard once; if it never returns: lattice members retire ${label}`,
      })),
      setAside: deps.asides.size,
      ...(deps.asides.lost === 0 ? {} : { setAsideLost: deps.asides.lost }),
    };
  }

  function view(): FloorView {
    const now = clock.now();
    const newest = deps.complete.newest();
    const due = Math.floor((now - settleMs - SPREAD_PERIODS * periodMs) / periodMs) * periodMs;
    // Where none was ever complete, none can have been before this node ran, as far as it knows.
    const held = (newest?.at ?? deps.startedAt) < due;
    // What was attested before this node ran is not told again, so of these cuts it knows nothing of anybody.
    const knows = due >= deps.startedAt;
    return {
      ...(newest === undefined
        ? {}
        : {
            at: newest.at,
            root: bytesToHex(newest.root),
            entries: newest.entries,
            epoch: newest.epoch,
            certificate: base64url(newest.certificate),
          }),
      now,
      due,
      held,
      holders: held && knows ? holders(due) : [],
      collection: collected(),
    };
  }

  function heldWarning(): Warning[] {
    const { at: floor = deps.startedAt, due, held, holders: who } = view();
    if (!held || due - floor < HELD_WARNING_MS) return [];
    const why = who.map(({ label, text }) => `${label} (${text})`).join(', ');
    const [first] = who;
    return [
      {
        code: 'floor-held',
        text:
          `no cut has been complete since ${at(floor)}${why === '' ? '' : `, held by ${why}`}: nothing that is dead ` +
          `goes meanwhile, and no write is final; ` +
          (first === undefined ? 'see lattice floor' : first.next),
      },
    ];
  }

  function asideWarning(): Warning[] {
    const { size, lost } = deps.asides;
    if (size === 0 && lost === 0) return [];
    const beyond =
      lost === 0
        ? ''
        : `; ${counted(lost, 'more operation')} could not be kept for want of room, and ${lost === 1 ? 'is' : 'are'} on this node no more`;
    return [
      {
        code: 'set-aside',
        text:
          `${counted(size, 'operation')} ${size === 1 ? 'was' : 'were'} taken out of the state, because they came too ` +
          'late for the floor or other writers refuse them, and readers see nothing of them: lattice recover lists ' +
          `them, writes them anew, or forgets them${beyond}`,
      },
    ];
  }

  return {
    view,
    warnings: () => [...heldWarning(), ...asideWarning()],
  };
}

/** The one that occurs most often. */
function commonest(names: readonly string[]): string | undefined {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1])[0]?.[0];
}
