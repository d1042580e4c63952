import type { Hasher } from '../../types/index.ts';
import { canonicalText, type OriginalObject, textHash } from '../canon.ts';
import { type Claim, digestClaim, proofClaim, uncoveredClaims } from './claims.ts';
import { fieldsOf, type VaultForm } from './forms.ts';
import { logicHash } from './logic-hash.ts';

function logicClaim(stored: string, ast: OriginalObject, hasher: Hasher): Claim {
  const computed = logicHash(ast, hasher);
  if (computed !== undefined) return digestClaim('logic_hash', stored, computed, 'the logic of the AST');
  const reason = 'the original has no rule for conditions of this form';
  return { claim: 'logic_hash', about: 'digest', checked: false, holds: false, reason };
}

/**
 * Reads a function entry (SPEC I9). Neither of its two hashes is over the code. Throws LatticeError
 * `vault-file-malformed`.
 */
export function readFunction(fields: OriginalObject, hasher: Hasher): VaultForm {
  const read = fieldsOf('function', fields);
  read.text('intent_name');
  read.text('code');
  const hash = read.hash('full_hash');
  const ast = read.object('ast');
  const claims = [
    digestClaim('full_hash', hash, textHash(canonicalText(ast), hasher), 'the AST'),
    logicClaim(read.hash('logic_hash'), ast, hasher),
    ...uncoveredClaims(fields, ['full_hash', 'logic_hash', 'ast']),
    proofClaim('proof'),
  ];
  return { kind: 'function', hash, name: `${hash}.json`, fields, claims };
}
