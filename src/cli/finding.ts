/**
 * The result for one thing that was examined. `ok`: it is well. `info`: it is a choice of the operator. `note`: it is
 * worth acting on. `bad`: it must be repaired.
 */
export interface Finding {
  readonly level: 'ok' | 'info' | 'note' | 'bad';
  readonly text: string;
  /** What to do about it. */
  readonly next?: string;
}

export const ok = (text: string): Finding => ({ level: 'ok', text });
export const info = (text: string, next?: string): Finding => ({
  level: 'info',
  text,
  ...(next === undefined ? {} : { next }),
});
export const note = (text: string, next?: string): Finding => ({
  level: 'note',
  text,
  ...(next === undefined ? {} : { next }),
});
export const bad = (text: string, next: string): Finding => ({ level: 'bad', text, next });
