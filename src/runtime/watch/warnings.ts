import { type Author, counted, joined } from '../../core/types/index.ts';
import type { Clock } from '../../ports/index.ts';
import type { Bootstrap } from '../bootstrap/bootstrap.ts';
import type { Contradictions } from '../commit/contradictions.ts';
import type { Guard } from '../commit/guard.ts';
import type { SignedTwice } from '../commit/signed-twice.ts';
import type { Mismatches } from '../cuts/mismatches.ts';
import type { Warning, WarningCode } from '../facade/codes.ts';
import type { NodeOptions } from '../facade/options.ts';
import type { Names, SharedName } from '../fleet/names.ts';
import type { Roster } from '../fleet/roster.ts';
import type { PeerTable } from '../peers/peers.ts';
import { hasTwin } from '../peers/view.ts';
import type { LostBatches } from '../upkeep/lost-batches.ts';
import type { FloorWatch } from './floor.ts';

/** Digits of a key by which commands take a member. */
const NAMING_DIGITS = 16;

export interface WarningsDeps {
  readonly options: Pick<NodeOptions, 'warnings' | 'notices' | 'trusted'>;
  readonly self: Author;
  readonly roster: Pick<Roster, 'present' | 'endOf'>;
  readonly clock: Clock;
  readonly parts: {
    readonly peers: Pick<PeerTable, 'all'>;
    readonly names: Pick<Names, 'label' | 'shared'>;
    readonly guard: Pick<Guard, 'warnings'>;
    readonly signedTwice: Pick<SignedTwice, 'warnings'>;
    readonly contradictions: Pick<Contradictions, 'warnings'>;
    readonly mismatches: Pick<Mismatches, 'warnings'>;
    readonly bootstrap: Pick<Bootstrap, 'warnings'>;
    readonly lost: Pick<LostBatches, 'warnings'>;
    readonly rosterWarnings: () => readonly Warning[];
  };
  readonly floor: Pick<FloorWatch, 'warnings'>;
}

/** Gathers from all parts what an operator should know or act on while the node works. */
export function createWarnings({ options, self, roster, clock, parts: s, floor }: WarningsDeps): () => Warning[] {
  return () => {
    const out: Warning[] = options.warnings.map((text) => ({ code: 'configuration', text }));
    out.push(...(options.notices?.() ?? []));
    out.push(
      ...s.guard.warnings(),
      ...s.signedTwice.warnings(),
      ...s.contradictions.warnings(),
      ...s.mismatches.warnings(),
    );
    out.push(...s.bootstrap.warnings(), ...s.lost.warnings(), ...s.rosterWarnings(), ...floor.warnings());
    const warn = (code: WarningCode, text: string): void => void out.push({ code, text });
    const { epoch } = roster.present.state.roster;
    if (options.trusted.length === 0 && epoch === 0)
      warn(
        'no-trust-list',
        `no trust list: only this node's own commits count; set DIOTEC360_TRUSTED_STATE_PUBKEYS=${self}`,
      );
    for (const shared of s.names.shared()) warn('same-name', sameName(shared, s.names.label));
    for (const { author, view, repair } of s.peers.all()) {
      const name = s.names.label(author);
      if (hasTwin(view, clock.monotonic()))
        warn('peer-twin', `two nodes run with the key of ${name}: stop one of them`);
      if (view.trustMatches === false && roster.endOf(author) === undefined)
        warn(
          'other-trust-list',
          epoch === 0
            ? `${name} has another trust list: compare DIOTEC360_TRUSTED_STATE_PUBKEYS on both nodes`
            : `${name} goes by another roster than that of epoch ${epoch}: see lattice members on both nodes`,
        );
      if (view.agreement === 'equal-except-refused') {
        const why = repair.refused.groups().map(({ reason, keys, author }) => {
          const whose = author === undefined ? '' : ` of ${s.names.label(author)}`;
          return `${keys}${whose} (${reason})`;
        });
        const { size } = repair.refused;
        warn(
          'refused-items',
          `${name} is equal except ${counted(size, 'key')} that ${size === 1 ? 'was' : 'were'} refused: ${joined(why)}`,
        );
      }
    }
    return out;
  };
}

/** Which nodes have one name, and how one of them gets another. */
function sameName({ name, authors, byRoster }: SharedName, labelOf: (author: Author) => string): string {
  const ids = joined(authors.map(labelOf));
  const others = authors.filter((author) => !byRoster.includes(author));
  const renames = byRoster.map((author) => `lattice members rename ${author.slice(0, NAMING_DIGITS)} NAME`);
  const ways = [
    ...(byRoster.length === 0
      ? []
      : [`the roster gives it to ${joined(byRoster.map(labelOf))}: ${renames.join(', ')}`]),
    ...(others.length === 0
      ? []
      : [`give ${byRoster.length === 0 ? 'each' : joined(others.map(labelOf))} a DIOTEC360_NODE_NAME of its own`]),
  ];
  return `${authors.length === 2 ? 'two nodes' : counted(authors.length, 'node')} are named ${name}, so they are told apart by id (${ids}): ${ways.join('; or ')}`;
}
