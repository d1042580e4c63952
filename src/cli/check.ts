import { type Cause, prefixOf } from './causes.ts';
import type { NodeReport } from './examine.ts';
import { printable } from './output.ts';

/** The states of monitoring plugins (Nagios, Icinga and compatible ones). The index of each is its exit code. */
const STATES = ['OK', 'WARNING', 'CRITICAL', 'UNKNOWN'] as const;

/** The plugin's line where nothing could be examined, which says nothing of the nodes: whatever failed is UNKNOWN. */
export function checkFailed(error: unknown): { readonly code: number; readonly line: string } {
  const [said = ''] = (error instanceof Error ? error.message : String(error)).replace(/^error: /, '').split('\n');
  return { code: 3, line: `LATTICE ${STATES[3]} - ${printable(said).replaceAll('|', '/')}` };
}

/** Makes a plugin's line for monitoring: the state, the worst cause, and numbers after the bar. */
export function checkLine(
  reports: readonly NodeReport[],
  causes: readonly Cause[],
): { readonly code: number; readonly line: string } {
  const bad = causes.filter(({ level }) => level === 'bad');
  const notes = causes.filter(({ level }) => level === 'note');
  const reachable = reports.filter((report) => report.reachable);
  const code = reachable.length === 0 ? 3 : bad.length > 0 ? 2 : notes.length > 0 ? 1 : 0;
  const [first, ...more] = [...bad, ...notes];
  const roots = new Set(reports.flatMap(({ status }) => status?.root ?? []));
  const said =
    first === undefined
      ? `${reachable.length} ${reachable.length === 1 ? 'node' : 'nodes'}, root ${[...roots][0] ?? 'unknown'}`
      : `${prefixOf(first.nodes)}${first.text}${more.length === 0 ? '' : ` (and ${more.length} more)`}`;
  const entries = Math.max(0, ...reports.map(({ status }) => status?.entries ?? 0));
  const conflicts = Math.max(0, ...reports.map(({ status }) => status?.conflicts ?? 0));
  const numbers = `nodes=${reports.length} reachable=${reachable.length} critical=${bad.length} warnings=${notes.length} roots=${roots.size} entries=${entries} conflicts=${conflicts}`;
  // The text itself must have no bar, because the first bar separates it from the numbers.
  return { code, line: `LATTICE ${STATES[code]} - ${said.replaceAll('|', '/')} | ${numbers}` };
}
