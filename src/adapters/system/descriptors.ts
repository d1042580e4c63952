import { readdirSync } from 'node:fs';

/** The file descriptors of the process: how many it may have open, and how many it has. */
export interface DescriptorUse {
  readonly limit: number;
  readonly open: number;
}

export interface Descriptors {
  /** Undefined where the system does not tell. */
  use(): DescriptorUse | undefined;
  /**
   * Whether one more connection may be taken in, which then counts. It is false while no more are left than the store,
   * the lungs and the look at the process itself need.
   */
  hasRoom(): boolean;
}

/**
 * Descriptors that connections from outside never take: 64 of the store (a compaction opens more than it keeps), and
 * some for the connections that the node opens itself. Where few are allowed at all, it is a quarter of them.
 */
const RESERVE = 96;
const RESERVE_PART = 0.25;
/** What a node with all of its connections needs: 512 of the API, 256 of each P2P listener, and the reserve. */
export const ENOUGH_DESCRIPTORS = 1024;
/** The list of open descriptors is read at most this often, because it takes some 100 µs. */
const FRESH_MS = 250;

/** The greatest number of descriptors that the process may have open. Undefined where there is no such bound. */
function readLimit(): number | undefined {
  const report: unknown = process.report?.getReport();
  if (typeof report !== 'object' || report === null || !('userLimits' in report)) return undefined;
  const { open_files: files } = report.userLimits as { readonly open_files?: { readonly soft?: unknown } };
  return typeof files?.soft === 'number' ? files.soft : undefined;
}

/** The number of open descriptors. The one with which they are counted is left out. Throws when none is left for it. */
function countOpen(): number {
  return readdirSync(process.platform === 'linux' ? '/proc/self/fd' : '/dev/fd').length - 1;
}

/**
 * Watches over the descriptors of the process. `limit` and `count` are those of the system by default; a test sets
 * others. Where there is no list of descriptors, as on Windows, there is no bound either.
 */
export function createDescriptors({
  limit = readLimit(),
  count = countOpen,
}: {
  readonly limit?: number | undefined;
  readonly count?: () => number;
} = {}): Descriptors {
  let open = 0;
  let at = -Infinity;

  function look(most: number): number | undefined {
    const now = performance.now();
    if (now - at < FRESH_MS) return open;
    try {
      open = count();
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : undefined;
      if (code !== 'EMFILE' && code !== 'ENFILE') return undefined;
      open = most;
    }
    at = now;
    return open;
  }

  return {
    use() {
      const now = limit === undefined ? undefined : look(limit);
      return limit === undefined || now === undefined ? undefined : { limit, open: now };
    },
    hasRoom() {
      if (limit === undefined) return true;
      const now = look(limit);
      if (now === undefined) return true;
      if (now >= limit - Math.min(RESERVE, Math.ceil(limit * RESERVE_PART))) return false;
      // Until the next look each connection that is let in counts, because many may come within one turn.
      open = now + 1;
      return true;
    },
  };
}
