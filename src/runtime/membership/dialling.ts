import { memberOf } from '../../core/roster/index.ts';
import type { Author } from '../../core/types/index.ts';
import type { Clock, Log } from '../../ports/index.ts';
import { every, type Repetition } from '../../timing/index.ts';
import type { Roster } from '../fleet/roster.ts';
import type { HttpSupervisor } from '../transport/lung-http.ts';
import type { Announcements } from './announcements.ts';

/** How often it is looked at whether a retired member is still to be dialled. */
const LOOK_EVERY_MS = 10_000;
/** How long after its end a retired member is dialled, so that what it last wrote is fetched. */
const RETIRED_DIALLED_MS = 600_000;

export interface DiallingDeps {
  readonly self: Author;
  readonly clock: Clock;
  readonly log: Log;
  readonly roster: Pick<Roster, 'present' | 'onChange'>;
  readonly announcements: Pick<Announcements, 'all'>;
  readonly http: Pick<HttpSupervisor, 'announce'>;
  /** Tells the P2P lung which addresses were announced. */
  readonly announce: (multiaddrs: readonly string[]) => void;
}

/** Has both lungs dial the members at the addresses that they announced (SPEC AD4). */
export interface Dialling {
  /** Looks again, because somebody announced something. */
  look(): void;
  start(): void;
  stop(): void;
}

export function createDialling(deps: DiallingDeps): Dialling {
  const { self, clock, roster } = deps;
  let looks: Repetition | undefined;
  let unfollow: (() => void) | undefined;
  let told = '';

  function isDialled(author: Author): boolean {
    if (author === self) return false;
    const member = memberOf(roster.present.state.roster, author);
    return member !== undefined && (member.role !== 'retired' || clock.now() < member.until + RETIRED_DIALLED_MS);
  }

  function look(): void {
    if (looks === undefined) return;
    const announced = deps.announcements
      .all()
      .map(({ announcement }) => announcement)
      .filter(({ author }) => isDialled(author))
      .toSorted((a, b) => (a.author < b.author ? -1 : 1));
    const urls = announced.flatMap(({ author, urls: own }) => own.map((url) => ({ url, author })));
    const multiaddrs = announced.flatMap((one) => one.multiaddrs);
    const now = JSON.stringify([urls, multiaddrs]);
    if (now === told) return;
    told = now;
    deps.http.announce(urls);
    deps.announce(multiaddrs);
  }

  return {
    look,
    start() {
      looks ??= every(clock, LOOK_EVERY_MS, look, {
        onError: (err) => deps.log.error({ err }, 'looking whom to dial failed'),
      });
      unfollow = roster.onChange(look);
      look();
    },
    stop() {
      looks?.stop();
      unfollow?.();
    },
  };
}
