import type { NodeReport } from './examine.ts';
import type { Finding } from './finding.ts';

/** One thing that is wrong, as an operator should read it: once, whatever shows signs of it. */
export interface Cause {
  readonly level: 'note' | 'bad';
  /** What it is about, for programs; absent where nothing else is a sign of the same. */
  readonly topic?: string;
  readonly text: string;
  readonly next?: string;
  /** The names of the nodes that show it; empty for what the nodes show together. */
  readonly nodes: readonly string[];
}

/** The topics of causes that come first, the worst first. Others follow in the order in which they were found. */
const ORDER: readonly (string | undefined)[] = [
  'down',
  'clone',
  'other-lineage',
  'read-only',
  'untrusted',
  'clock',
  'diverged',
  'silent',
];
/** Topics of causes that no waiting ends: somebody has to act first. */
const LASTING: ReadonlySet<string | undefined> = new Set(['down', 'clone', 'untrusted', 'other-lineage']);
/** Topics of which one explains why roots are different. */
const EXPLAINS_ROOTS: ReadonlySet<string | undefined> = new Set(['down', 'untrusted', 'silent', 'diverged']);
/** What a node shows that others do not trust, and what they show about it. */
const FOLLOWS_FROM_DISTRUST: ReadonlySet<string | undefined> = new Set(['unknown', 'http', 'warning clock-unchecked']);
/** Topics that are between two nodes, so that each of them shows it about the other. */
const BETWEEN_TWO: ReadonlySet<string | undefined> = new Set(['silent', 'diverged', 'http']);

interface Shown extends Finding {
  readonly level: 'note' | 'bad';
  readonly report: NodeReport | undefined;
}

/**
 * What is wrong with the nodes, worst first, each cause once. What others tell about a node that does not answer follows
 * from that, and what several nodes show of one topic is one cause with their names.
 */
export function causesOf(reports: readonly NodeReport[], fleet: readonly Finding[]): Cause[] {
  const answers = (at: NodeReport): boolean => at.status !== undefined;
  const idsOf = (some: readonly NodeReport[]): ReadonlySet<string> =>
    new Set(some.flatMap(({ peerId }) => peerId ?? []));
  const up = idsOf(reports.filter(answers));
  const down = idsOf(reports.filter((report) => !answers(report)));
  const shown = [
    ...reports.flatMap((report) => report.findings.map((finding) => ({ ...finding, report }))),
    ...fleet.map((finding) => ({ ...finding, report: undefined })),
  ]
    .filter((finding): finding is Shown => finding.level === 'bad' || finding.level === 'note')
    .filter(({ about }) => about === undefined || !down.has(about) || up.has(about));
  const untrusted = new Set(shown.flatMap(({ topic, about = '' }) => (topic === 'untrusted' ? about : [])));
  // A node that refuses writes says itself why, and the others only that it does.
  const explained = new Set(shown.flatMap(({ own, report }) => (own === true ? (report?.peerId ?? '') : [])));
  const follows = ({ topic, about = '', report }: Shown): boolean =>
    (FOLLOWS_FROM_DISTRUST.has(topic) && (untrusted.has(about) || untrusted.has(report?.peerId ?? ''))) ||
    (topic === 'read-only' && about !== report?.peerId && explained.has(about));
  // Roots are compared at one moment. A verdict has waited, and says which node differs and why.
  const isExplained = shown.some(({ topic }) => EXPLAINS_ROOTS.has(topic));
  const groups = new Map<string, [Shown, ...Shown[]]>();
  for (const finding of shown) {
    if ((finding.topic === 'root' && isExplained) || follows(finding)) continue;
    const key = keyOf(finding, up);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [finding]);
    else group.push(finding);
  }
  return [...groups.values()]
    .map(leading)
    .toSorted((a, b) => rankOf(a.finding) - rankOf(b.finding))
    .map(({ finding: { level, topic, text, next }, nodes }) => ({
      level,
      ...(topic === undefined ? {} : { topic }),
      text,
      ...(next === undefined ? {} : { next }),
      nodes,
    }));
}

/** Findings of one key have one cause. */
function keyOf({ topic, about, text, report }: Shown, up: ReadonlySet<string>): string {
  if (topic === undefined) return `text ${text}`;
  if (about === undefined) return topic;
  const self = report?.peerId;
  const who = BETWEEN_TWO.has(topic) && up.has(about) && self !== undefined ? [self, about].sort() : [about];
  return [topic, ...who].join(' ');
}

/** The finding that speaks for its group, and the nodes that show it. */
function leading(group: [Shown, ...Shown[]]): { readonly finding: Shown; readonly nodes: readonly string[] } {
  const isOwn = ({ about, report }: Shown): boolean => about !== undefined && about === report?.peerId;
  const worst = group.filter(({ level }) => level === 'bad');
  const finding = worst.find(isOwn) ?? worst[0] ?? group.find(isOwn) ?? group[0];
  const speakers = finding.own === true ? group.filter(({ own }) => own) : group;
  return { finding, nodes: [...new Set(speakers.flatMap(({ report }) => report?.label ?? []))] };
}

function rankOf({ level, topic }: Shown): number {
  const at = ORDER.indexOf(topic);
  return (level === 'bad' ? 0 : 100) + (at < 0 ? ORDER.length : at);
}

/** Whether a bad cause may pass by itself in a moment, as roots do that differ while writes go on. */
export function mayPass(causes: readonly Cause[]): boolean {
  return causes.some(({ level, topic }) => level === 'bad' && !LASTING.has(topic));
}

/** Names that are listed before the rest is counted. */
const LISTED = 3;

/** The nodes of a cause, to stand before its text; empty where it is about the nodes together. */
export function prefixOf(nodes: readonly string[]): string {
  if (nodes.length === 0) return '';
  const more = nodes.length - LISTED;
  return `${nodes.slice(0, LISTED).join(', ')}${more > 0 ? ` and ${more} more` : ''}: `;
}
