/** One thing that was looked at: fine, as it was chosen, worth acting on, or to be repaired. */
export interface Finding {
  readonly level: 'ok' | 'info' | 'note' | 'bad';
  readonly text: string;
  /** What to do. */
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
