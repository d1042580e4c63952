import { type Bytes, type Hasher, LatticeError } from '../../types/index.ts';
import { isObject, type OriginalObject } from '../canon.ts';
import { parseOriginalJson } from '../json.ts';
import { readContentBundle, readSignedBundle } from './bundle.ts';
import { readCertificate } from './certificate.ts';
import { type VaultForm, type VaultKind, vaultKindOf } from './forms.ts';
import { readFunction } from './function.ts';
import { readIndex, readPrecedents } from './listings.ts';
import { malformed } from './malformed.ts';

/** Bytes of a file. The original's largest has some KiB, and parsing this much does not stop a node for long. */
export const MAX_VAULT_FILE_BYTES = 1024 * 1024;

/** The media types under which the vault of the fleet keeps the original's files. */
const TYPES: Readonly<Record<VaultKind, string>> = {
  function: 'application/vnd.diotec360.function+json',
  certificate: 'application/vnd.diotec360.certificate+json',
  'signed-bundle': 'application/vnd.diotec360.bundle+json',
  'content-bundle': 'application/vnd.diotec360.bundle+json',
  index: 'application/vnd.diotec360.index+json',
  precedents: 'application/vnd.diotec360.precedents+json',
};
/** The media type of a kind of file. */
export const vaultType = (kind: VaultKind): string => TYPES[kind];
/** Whether content of this media type is a file of the original's vault. */
export const isVaultType = (type: string): boolean => Object.values(TYPES).includes(type);

/** The JSON object in a file. Throws LatticeError `vault-file-malformed`, which names line and column. */
function parseVaultObject(bytes: Bytes): OriginalObject {
  if (bytes.length > MAX_VAULT_FILE_BYTES)
    throw malformed(`it has ${bytes.length} bytes, more than the ${MAX_VAULT_FILE_BYTES} that are read`);
  try {
    const value = parseOriginalJson(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    if (isObject(value)) return value;
    throw malformed('it is JSON, but not an object');
  } catch (error) {
    // The decoder throws a TypeError where bytes are not UTF-8.
    if (error instanceof TypeError) throw malformed('it is not UTF-8');
    if (error instanceof LatticeError && error.code === 'snapshot-malformed') throw malformed(error.message);
    throw error;
  }
}

/**
 * Reads a file of the original's vault (SPEC I9): strictly what it must have, and a claim for everything that it says.
 * `kind` is what it has to be, where that is known. Throws LatticeError `vault-file-malformed`.
 */
export function readVaultFile(bytes: Bytes, hasher: Hasher, kind?: VaultKind): VaultForm {
  return readVaultObject(parseVaultObject(bytes), hasher, kind);
}

export function readVaultObject(fields: OriginalObject, hasher: Hasher, kind = vaultKindOf(fields)): VaultForm {
  switch (kind) {
    case 'function':
      return readFunction(fields, hasher);
    case 'certificate':
      return readCertificate(fields, hasher);
    case 'signed-bundle':
      return readSignedBundle(fields, hasher);
    case 'content-bundle':
      return readContentBundle(fields, hasher);
    case 'index':
      return readIndex(fields);
    case 'precedents':
      return readPrecedents(fields, hasher);
    case undefined:
      throw malformed('it is no function, certificate, bundle or index of the original');
  }
}
