import { bytesToHex, type Hasher } from '../../types/index.ts';
import { isObject, type OriginalObject, unescapedCanonicalText } from '../canon.ts';
import type { OriginalValue } from '../json.ts';
import { type Claim, digestClaim, ruleClaim, uncoveredClaims } from './claims.ts';
import { isHash, type VaultForm } from './forms.ts';
import { malformed } from './malformed.ts';

const utf8 = new TextEncoder();

/** Reads index.json, the list that the original counts by. Throws LatticeError `vault-file-malformed`. */
export function readIndex(fields: OriginalObject): VaultForm {
  for (const [hash, row] of fields) {
    if (!isHash(hash))
      throw malformed(`the index has a row under ${JSON.stringify(hash.slice(0, 80))}, which is no hash`);
    if (!isObject(row)) throw malformed(`the row ${hash} of the index is not an object`);
  }
  return { kind: 'index', hash: '', name: 'index.json', fields, claims: uncoveredClaims(fields, []) };
}

/** The file name that a row of the index gives its bundle. The rest of the path is that of the machine that wrote it. */
export function indexedName(row: OriginalValue | undefined): string | undefined {
  const path = isObject(row) ? row.get('bundle_path') : undefined;
  return typeof path === 'string' ? path.split(/[\\/]/).at(-1) : undefined;
}

/**
 * What the rows of an index say of the files beside it: each must be there, and a function must have the logic hash of
 * its row. `files` are all of them.
 */
export function indexClaims(index: OriginalObject, files: readonly VaultForm[]): readonly Claim[] {
  const listed = files.filter(({ kind }) => kind === 'function' || kind.endsWith('-bundle'));
  const byHash = new Map<string, VaultForm>();
  // A function entry has a logic hash to compare with, so that it comes before a bundle of the same function.
  for (const file of listed) if (file.kind === 'function' || !byHash.has(file.hash)) byHash.set(file.hash, file);
  return Array.from(index, ([hash, row]) => {
    const file = byHash.get(hash);
    if (file === undefined) return ruleClaim(hash, false, 'no file that was taken has this hash');
    const logic = isObject(row) ? row.get('logic_hash') : undefined;
    const own = file.fields.get('logic_hash');
    if (typeof logic === 'string' && typeof own === 'string')
      return digestClaim(hash, logic, own, 'the logic of this function');
    return ruleClaim(hash, true, `the file of this hash is there`);
  });
}

/**
 * Reads precedents.json, in which the original remembers the conditions that it has proved. Each record has the SHA-256
 * of its canonical text without that hash, unescaped. Throws LatticeError `vault-file-malformed`.
 */
export function readPrecedents(fields: OriginalObject, hasher: Hasher): VaultForm {
  const items = fields.get('items');
  if (!isObject(items)) throw malformed('"items" of the precedents is not an object');
  const claims = Array.from(items, ([hash, record]): Claim => {
    if (!isHash(hash) || !isObject(record))
      throw malformed(`the precedents have a record under ${JSON.stringify(hash.slice(0, 80))} that is none`);
    const hashed = new Map<string, OriginalValue>(record);
    hashed.delete('record_hash');
    const computed = bytesToHex(hasher.hash(utf8.encode(unescapedCanonicalText(hashed))));
    return digestClaim(hash, hash, computed, 'the record');
  });
  return { kind: 'precedents', hash: '', name: 'precedents.json', fields, claims };
}
