/**
 * The result for one thing that was examined. `ok`: it is well. `info`: it is a choice of the operator. `note`: it is
 * worth acting on, or ends by itself. `bad`: it must be repaired.
 */
export interface Finding {
  readonly level: 'ok' | 'info' | 'note' | 'bad';
  readonly text: string;
  /** What to do about it. */
  readonly next?: string;
  /** What it is a sign of. Findings with the same topic, on whatever nodes, have one cause. */
  readonly topic?: string;
  /** The peer id of the other node that it is about. */
  readonly about?: string;
  /** The peer id under which that node should go on. */
  readonly to?: string;
  /** Its text speaks of the node that shows it as "this node". */
  readonly own?: boolean;
}

/** What a finding is a sign of, which other node it is about, and whether it speaks of the node itself. */
export type Sign = Pick<Finding, 'topic' | 'about' | 'to' | 'own'>;

export const ok = (text: string): Finding => ({ level: 'ok', text });
export const info = (text: string, next?: string): Finding => finding('info', text, next);
export const note = (text: string, next?: string, sign?: Sign): Finding => finding('note', text, next, sign);
export const bad = (text: string, next: string, sign?: Sign): Finding => finding('bad', text, next, sign);

function finding(level: Finding['level'], text: string, next: string | undefined, sign?: Sign): Finding {
  return { level, text, ...(next === undefined ? {} : { next }), ...sign };
}
