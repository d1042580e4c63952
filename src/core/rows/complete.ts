import { metaKey } from './keys.ts';

/**
 * The key of the row of the newest complete cut. Its bytes are those of the certificate (SPEC Z4), which is verified
 * again when it is read.
 */
export const COMPLETE = metaKey('complete');
