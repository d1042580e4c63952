import type { Author, LatticeError } from '../../core/types/index.ts';
import type { Clock, Log } from '../../ports/index.ts';
import type { Warning } from '../facade/codes.ts';

/** For how long a peer that sent what does not verify is not asked again. */
const LEAVE_OUT_MS = 10 * 60_000;

/**
 * The peers that sent what does not verify and are no sources of snapshots for a while. Peers are few, so this needs no
 * bound of its own.
 */
export interface LeftOut {
  add(author: Author, cause: LatticeError): void;
  has(author: Author): boolean;
  /** One warning for each of them. */
  warnings(nameOf: (author: Author) => string): readonly Warning[];
}

export function createLeftOut(deps: { readonly clock: Clock; readonly log: Log }): LeftOut {
  const until = new Map<Author, { readonly at: number; readonly reason: string }>();
  return {
    add(author, cause) {
      until.set(author, { at: deps.clock.monotonic() + LEAVE_OUT_MS, reason: cause.message });
      const { code, message } = cause;
      deps.log.warn({ peer: author, code, reason: message }, 'left out as a source of snapshots');
    },
    has: (author) => (until.get(author)?.at ?? -Infinity) >= deps.clock.monotonic(),
    warnings: (nameOf) =>
      Array.from(until)
        .filter(([, { at }]) => at > deps.clock.monotonic())
        .map(([author, { reason }]) => ({
          code: 'left-out-source',
          text: `${nameOf(author)} was left out as a source of snapshots: ${reason}`,
        })),
  };
}
