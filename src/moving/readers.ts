import { readCsv } from './csv.ts';
import type { Readers } from './make-plan.ts';
import { readNdjson } from './ndjson.ts';
import { readTelemetry } from './telemetry.ts';
import { readVault } from './vault.ts';

/** The readers of what is not the state, each under the kinds of sources that it reads. */
export const READERS: Readers = {
  vault: readVault,
  'vault-index': readVault,
  function: readVault,
  bundle: readVault,
  certificate: readVault,
  telemetry: readTelemetry,
  ndjson: readNdjson,
  csv: readCsv,
};
