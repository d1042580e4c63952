import { type Author, type Bytes, type Fragment, LatticeError } from '../core/types/index.ts';
import { commitSigningBytes, decodeFragment } from '../core/wire/index.ts';
import type { AuditDeps } from './checks.ts';
import { checkTrust, type Trust } from './trust.ts';

/** What a commit is checked with. */
export interface VerifyCommitOptions extends AuditDeps {
  /** Whose commits count. */
  readonly trusted: Trust;
  /** The network that the commit must be of; undefined for any. */
  readonly network: string | undefined;
}

/**
 * Checks a fragment of a commit (SPEC F1 to F4) as the door of a node does (SPEC D1), but for the time: form, network,
 * trust, signature.
 *
 * @throws `malformed`, `unknown-version`, `other-network`, `untrusted-author`, `bad-signature`; `trust-needed` or
 * `invalid-author` for what is no trust list
 * @example
 * const { id, header } = await verifyCommit(bytes, { ...bundledCrypto(), trusted, network: 'example' });
 * console.log(id, header.author);
 */
export async function verifyCommit(bytes: Bytes, options: VerifyCommitOptions): Promise<Fragment> {
  const { hasher, verifier, network: asked } = options;
  const trusted = checkTrust(options.trusted);
  const fragment = decodeFragment(bytes, hasher);
  const { author, network } = fragment.header;
  const what = `commit ${fragment.id}`;
  if (asked !== undefined && network !== asked)
    throw new LatticeError(
      'other-network',
      `${what} is of network ${JSON.stringify(network)}, not ${JSON.stringify(asked)}`,
    );
  if (!isTrusted(trusted, author))
    throw new LatticeError('untrusted-author', `${what} is by ${author}, which is not one of the trusted keys`);
  if (!(await verifier.verify(author, commitSigningBytes(fragment.headerBytes), fragment.signature)))
    throw new LatticeError('bad-signature', `${what} is not signed by its author ${author}`);
  return fragment;
}

export function isTrusted(trusted: Trust, author: Author): boolean {
  return trusted === 'anyone' || trusted.includes(author);
}
