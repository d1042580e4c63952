import { type Author, joined } from '../../core/types/index.ts';
import type { Warning } from '../facade/codes.ts';
import type { Roster } from '../fleet/roster.ts';
import type { Doubt } from './doubt.ts';
import type { Membership } from './membership.ts';

/** For how long a store may be in doubt without a warning: longer than a fleet takes to start. */
const DOUBT_WARNING_MS = 300_000;

/** What an operator should know about the roster (SPEC RO2, RO9, RO11). */
export function rosterWarnings(deps: {
  readonly self: Author;
  readonly roster: Roster;
  readonly membership: Pick<Membership, 'abstains' | 'second' | 'offered'>;
  /** The configured trust list. */
  readonly configured: () => readonly Author[];
  readonly epochOf: (author: Author) => number | undefined;
  readonly nameOf: (author: Author) => string;
  readonly doubt: Pick<Doubt, 'why' | 'lastsMs'>;
  /** What is told of commits that came after the end of their authors. */
  readonly afterEnd: () => readonly Warning[];
}): () => readonly Warning[] {
  const { roster, membership } = deps;
  return () => {
    const out: Warning[] = [];
    const { epoch } = roster.present.state.roster;
    const second = membership.second();
    if (second !== undefined)
      out.push({
        code: 'two-rosters',
        text: `two rosters were decided for epoch ${second}: nothing more is decided; some members signed two things, or a store was copied`,
      });
    else if (roster.votes.abstains)
      out.push({
        code: 'abstains',
        text: 'this node takes no part in the present decision, because its store lost votes that others have heard',
      });
    else if (deps.doubt.why() === 'restored' || (roster.isWriter(deps.self) && deps.doubt.lastsMs() > DOUBT_WARNING_MS))
      out.push({ code: 'abstains', text: membership.abstains() ?? '' });
    out.push(...deps.afterEnd());
    const offered = membership.offered();
    if (offered !== undefined)
      out.push({
        code: 'other-lineage',
        text: `${deps.nameOf(offered.by)} has begun another lineage with epoch ${offered.epoch}, by force; this node does not follow it: its operator has to say so with lattice members force --record, on its stopped store`,
      });
    const left = [...roster.present.state.leftOut].filter(roster.has);
    if (left.length > 0)
      out.push({
        code: 'forced',
        text: `this lineage was begun by force without ${joined(left.map(deps.nameOf))}: proofs of it need the hash of its roster, and this stands here until lattice members drop has dropped them`,
      });
    const ahead = roster.authors.filter((author) => (deps.epochOf(author) ?? 0) > epoch);
    const newest = Math.max(0, ...ahead.map((author) => deps.epochOf(author) ?? 0));
    if (ahead.length > 0)
      out.push({
        code: 'lacks-roster',
        text: `${joined(ahead.map(deps.nameOf))} ${ahead.length === 1 ? 'goes' : 'go'} by the roster of epoch ${newest}, and this node has epoch ${epoch}: it takes the later ones from whoever it reaches, where they lead on from its own`,
      });
    if (epoch === 0) return out;
    const named = new Set(deps.configured());
    const differs = named.size !== roster.writers.length || roster.writers.some((author) => !named.has(author));
    // A node that was made for a fleet has the list with which that began, and needs no other.
    const first = new Set(roster.from(0)[0]?.state.roster.members.map(({ author }) => author));
    const isFirst = named.size === first.size && [...named].every((author) => first.has(author));
    if (differs && !isFirst && named.size > 0)
      out.push({
        code: 'other-configuration',
        text: `DIOTEC360_TRUSTED_STATE_PUBKEYS names others than the writers of the roster of epoch ${epoch}, which counts: see lattice members`,
      });
    // A key that is retired may be heard no more, as one that has turned, and then it goes by an earlier roster for ever.
    for (const author of roster.authors.filter((one) => roster.endOf(one) === undefined)) {
      const told = deps.epochOf(author);
      if (told !== undefined && told < epoch)
        out.push({ code: 'behind', text: `${deps.nameOf(author)} goes by the roster of epoch ${told}, not ${epoch}` });
    }
    return out;
  };
}
