import { joined, LatticeError } from '../core/types/index.ts';
import { findSources } from './find.ts';
import { isNdjson, readNdjsonText } from './ndjson.ts';
import {
  ALL_PARTS,
  type Part,
  type Plan,
  type PlanItem,
  type ReadContext,
  type Reader,
  type Refusal,
  type Source,
  type SourceKind,
} from './plan.ts';
import { statOf } from './read-file.ts';
import { refusalOf, tellSnapshot } from './snapshot.ts';
import { chooseState, readStates } from './state.ts';

/** The readers of what is not the state. A kind without one is refused by name. */
export type Readers = Partial<Readonly<Record<SourceKind, Reader>>>;

const STATE_KINDS: readonly SourceKind[] = ['snapshot', 'wal'];
const VAULT_KINDS: ReadonlySet<SourceKind> = new Set(['vault', 'vault-index', 'function', 'bundle', 'certificate']);

/** The part of an import that a file belongs to. */
function partOf({ kind }: Source): Part {
  if (kind === 'telemetry') return 'audit';
  return VAULT_KINDS.has(kind) ? 'vault' : 'state';
}

/**
 * Finds and reads everything of the original at these paths, or the `parts` of it. `bases` are further snapshots from
 * which a wal.log may go on. Nothing is written anywhere. Rejects with LatticeError `file-unreadable`, `nothing-to-import`, or the reason of an
 * aborted signal.
 */
export async function planPaths(
  paths: readonly string[],
  bases: readonly string[],
  readers: Readers,
  context: ReadContext,
  parts: ReadonlySet<Part> = ALL_PARTS,
): Promise<Plan> {
  const found = await findSources(paths);
  const { remarks } = found;
  const sources = found.sources.filter((source) => parts.has(partOf(source)));
  if (sources.length === 0) {
    throw new LatticeError('nothing-to-import', `nothing of that part of the original lies in ${joined(paths)}`, {
      next: 'Leave --only out, or name the directory where it lies.',
    });
  }
  const baseSources: Source[] = [];
  for (const at of bases) {
    await statOf(at);
    baseSources.push({ kind: 'snapshot', at });
  }
  const items: PlanItem[] = [];
  const refused: Refusal[] = [];
  const said = [...remarks];
  const states = sources.filter(({ kind }) => STATE_KINDS.includes(kind));
  if (states.length > 0) {
    const reading = await readStates(states, baseSources, context);
    items.push(...reading.items);
    refused.push(...reading.refused);
    said.push(...(reading.remarks ?? []));
  }
  for (const source of sources) {
    if (STATE_KINDS.includes(source.kind)) continue;
    context.signal?.throwIfAborted();
    const reader = readers[source.kind];
    if (reader === undefined) {
      refused.push({
        source,
        code: 'not-supported',
        reason: `this version does not import what it is (${source.kind})`,
        next: 'Keep it where it is: it is left as it was.',
        takenUnverified: false,
      });
      continue;
    }
    try {
      const reading = await reader(source, context);
      items.push(...reading.items);
      refused.push(...reading.refused);
      said.push(...(reading.remarks ?? []).map((remark) => `${source.at}: ${remark}`));
    } catch (error) {
      context.signal?.throwIfAborted();
      refused.push(refusalOf(source, error));
    }
  }
  return { from: paths.join(' '), sources, items, refused, remarks: said };
}

/** The same for standard input: the text of a snapshot, or of an export of one JSON object a line. */
export async function planInput(at: string, text: string, context: ReadContext): Promise<Plan> {
  if (!isNdjson(text)) return planText({ kind: 'snapshot', at }, text, context);
  const source: Source = { kind: 'ndjson', at };
  const { items, refused, remarks = [] } = await readNdjsonText(text, source, context);
  return { from: at, sources: [source], items, refused, remarks };
}

/** The same for the text of a snapshot that came by another way than a file. */
export function planText(source: Source, text: string, context: ReadContext): Plan {
  const plan = { from: source.at, sources: [source] };
  try {
    const { items, refused, remarks } = chooseState(
      [tellSnapshot(source, text, context.hasher)],
      [],
      context.unverified,
    );
    return { ...plan, items, refused, remarks };
  } catch (error) {
    return { ...plan, items: [], refused: [refusalOf(source, error)], remarks: [] };
  }
}
