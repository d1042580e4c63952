import type { Bytes } from '../../types/index.ts';
import { isObject, type OriginalObject } from '../canon.ts';
import type { Claim } from './claims.ts';
import { malformed } from './malformed.ts';

/** The kinds of files that the original keeps in its vault directory. */
export type VaultKind = 'function' | 'certificate' | 'signed-bundle' | 'content-bundle' | 'index' | 'precedents';

/** A file of the original's vault that was read strictly. */
export interface VaultForm {
  readonly kind: VaultKind;
  /**
   * What the original lists it under, 64 hex digits: the function hash, or the content hash of a content bundle. The
   * empty string for the index and for precedents.
   */
  readonly hash: string;
  /** The name that the original gives the file. */
  readonly name: string;
  readonly fields: OriginalObject;
  readonly claims: readonly Claim[];
  /** The certificate of a node in a bundle, whose signature is not checked yet. */
  readonly nodeCertificate?: NodeCertificate;
}

/** What a node has signed in a bundle that it made (SPEC I11). */
export interface NodeCertificate {
  readonly network: string;
  /** The Ed25519 public key of the node, 64 hex digits. */
  readonly author: string;
  readonly message: Bytes;
  readonly signature: Bytes;
}

const HASH = /^[0-9a-f]{64}$/;

/** Whether a text is 64 lower-case hex digits. */
export const isHash = (text: string): boolean => HASH.test(text);

/** The kind of file that an object is. Undefined when it is none of the original's vault. */
export function vaultKindOf(fields: OriginalObject): VaultKind | undefined {
  if (fields.has('content_hash')) return 'content-bundle';
  if (fields.has('full_hash')) return 'function';
  if (fields.has('function_hash')) return fields.has('ast') ? 'signed-bundle' : 'certificate';
  if (fields.has('items') && fields.has('v')) return 'precedents';
  // A row of the index has a hash as its key and an object as its value, and nothing else is in the index.
  const rows = Array.from(fields);
  return rows.length > 0 && rows.every(([key, row]) => HASH.test(key) && isObject(row)) ? 'index' : undefined;
}

/** Readers of fields that a form must have. All throw LatticeError `vault-file-malformed`. */
export function fieldsOf(kind: VaultKind, fields: OriginalObject) {
  const wrong = (name: string, what: string) =>
    malformed(`the ${kind.replace('-', ' ')} ${fields.has(name) ? 'has' : 'lacks'} "${name}"${what}`);
  return {
    text(name: string): string {
      const value = fields.get(name);
      if (typeof value !== 'string') throw wrong(name, fields.has(name) ? ', which is not text' : '');
      return value;
    },
    hash(name: string): string {
      const value = fields.get(name);
      if (typeof value !== 'string' || !HASH.test(value))
        throw wrong(name, fields.has(name) ? ', which is not 64 lower-case hex digits' : '');
      return value;
    },
    object(name: string): OriginalObject {
      const value = fields.get(name);
      if (!isObject(value)) throw wrong(name, fields.has(name) ? ', which is not an object' : '');
      return value;
    },
    /** Undefined for null and for a field that is not there. */
    maybeObject(name: string): OriginalObject | undefined {
      const value = fields.get(name) ?? null;
      if (value !== null && !isObject(value)) throw wrong(name, ', which is neither an object nor null');
      return value ?? undefined;
    },
  };
}
