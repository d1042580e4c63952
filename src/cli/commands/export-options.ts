import type { Form } from '../output.ts';
import type { OutOptions } from '../write-file.ts';

/** The forms of an export. They stand here because the start of the program must not load what writes them. */
export const EXPORT_FORMATS = ['snapshot', 'ndjson', 'csv'] as const;

export interface ExportOptions extends OutOptions {
  readonly format: (typeof EXPORT_FORMATS)[number];
  readonly prefix?: string;
  /** The form of what the command itself says. */
  readonly output?: Form;
  /** The snapshot.json whose forms and order are kept. */
  readonly like?: string;
}
