import { sha256 } from '@noble/hashes/sha2.js';
import type { AuditDeps } from '../../../src/audit/index.ts';
import { verifyStrict } from './ed25519.ts';

/** With what a browser checks documents: a hash, and the strict rule for signatures (SPEC K1). */
export const deps: AuditDeps = {
  hasher: {
    hash: (bytes) => sha256(bytes),
    hashInto: (bytes, out, offset) => out.set(sha256(bytes), offset),
  },
  verifier: { verify: (author, message, signature) => Promise.resolve(verifyStrict(author, message, signature)) },
};
