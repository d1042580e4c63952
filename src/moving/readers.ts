import { readCsv } from './csv.ts';
import type { Readers } from './make-plan.ts';
import { readNdjson } from './ndjson.ts';

/** The readers of what is not the state, each under the kinds of sources that it reads. */
export const READERS: Readers = { ndjson: readNdjson, csv: readCsv };
