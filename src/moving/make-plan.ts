import { findSources } from './find.ts';
import type { Plan, PlanItem, ReadContext, Reader, Refusal, Source, SourceKind } from './plan.ts';
import { statOf } from './read-file.ts';
import { refusalOf, tellSnapshot } from './snapshot.ts';
import { chooseState, readStates } from './state.ts';

/** The readers of what is not the state. A kind without one is refused by name. */
export type Readers = Partial<Readonly<Record<SourceKind, Reader>>>;

const STATE_KINDS: readonly SourceKind[] = ['snapshot', 'wal'];

/**
 * Finds and reads everything of the original at these paths. `bases` are further snapshots from which a wal.log may go on.
 * Nothing is written anywhere. Rejects with LatticeError `file-unreadable`, `nothing-to-import`, or the reason of an
 * aborted signal.
 */
export async function planPaths(
  paths: readonly string[],
  bases: readonly string[],
  readers: Readers,
  context: ReadContext,
): Promise<Plan> {
  const { sources, remarks } = await findSources(paths);
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

/** The same for the text of a snapshot that came by another way than a file, such as standard input. */
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
