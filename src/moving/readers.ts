import type { Readers } from './make-plan.ts';
import { readTelemetry } from './telemetry.ts';

/** The readers of what is not the state, each under the kinds of sources that it reads. */
export const READERS: Readers = { telemetry: readTelemetry };
