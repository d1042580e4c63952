import {
  type Author,
  type Bytes,
  compareBytes,
  type Fragment,
  type Hasher,
  LatticeError,
  MAX_CONTEXT_DOTS,
} from '../types/index.ts';
import { commitSigningBytes, decodeFragment } from '../wire/index.ts';
import { covers, type Versioned } from './register.ts';

/**
 * What two signed commits of one author show (SPEC R10). `same-time`: they have one HLC and are not the same commit.
 * `forgotten`: the later one, of the same key, leaves out what the context of the earlier one names, although nothing
 * that it has seen can have replaced the earlier one.
 */
export type Contradiction = 'same-time' | 'forgotten';

/**
 * Whether two operations of one author and one key contradict each other. An honest author's contexts grow for as long
 * as its own operation is a sibling. What replaces that is later than it, and so is what replaces that in its turn; the
 * author's next context names one of these. So a context that names nothing later than the earlier operation, and yet
 * leaves out what that one names, is a lie; or the author's trust list has changed in between, or its store has lost
 * the earlier operation.
 */
export function contradictionOf(
  a: Versioned,
  b: Versioned,
  isTrusted: (author: Author) => boolean,
): Contradiction | undefined {
  if (a.author !== b.author) return undefined;
  if (a.hlc === b.hlc) return compareBytes(a.commit, b.commit) === 0 ? undefined : 'same-time';
  const [earlier, later] = a.hlc < b.hlc ? [a, b] : [b, a];
  const { context } = later.operation;
  // A full context leaves out what is oldest (SPEC R5).
  if (context.length >= MAX_CONTEXT_DOTS || context.some(({ hlc }) => hlc > earlier.hlc)) return undefined;
  const forgets = earlier.operation.context.some(
    ({ author, hlc }) => isTrusted(author) && !covers(context, author, hlc),
  );
  return forgets ? 'forgotten' : undefined;
}

/** Two commits that contradict each other as soon as both signatures are good. */
export interface Evidence {
  readonly kind: Contradiction;
  readonly author: Author;
  /** For each commit what its author has to have signed. */
  readonly signatures: readonly { readonly message: Bytes; readonly signature: Bytes }[];
}

/**
 * Checks evidence offline: two fragments, in any order. The caller verifies the signatures. LatticeError `malformed`,
 * `unknown-version`, `other-network`, or `proof-invalid` when the two contradict each other in nothing.
 */
export function checkEvidence(
  fragments: readonly [Bytes, Bytes],
  options: { readonly network: string; readonly hasher: Hasher; readonly isTrusted: (author: Author) => boolean },
): Evidence {
  const { network, hasher, isTrusted } = options;
  const [a, b] = fragments.map((bytes) => decodeFragment(bytes, hasher)) as [Fragment, Fragment];
  for (const { header } of [a, b])
    if (header.network !== network)
      throw new LatticeError('other-network', `a commit is of network ${JSON.stringify(header.network)}`);
  const kind = contradictionIn(a, b, isTrusted);
  if (kind === undefined) throw new LatticeError('proof-invalid', 'the two commits do not contradict each other');
  const signatures = [a, b].map(({ headerBytes, signature }) => ({
    message: commitSigningBytes(headerBytes),
    signature,
  }));
  return { kind, author: a.header.author, signatures };
}

function contradictionIn(a: Fragment, b: Fragment, isTrusted: (author: Author) => boolean): Contradiction | undefined {
  if (a.header.author !== b.header.author || a.id === b.id) return undefined;
  if (a.header.hlc === b.header.hlc) return 'same-time';
  const versioned = (
    { idBytes, header }: Fragment,
    { index, operation }: Fragment['operations'][number],
  ): Versioned => ({
    commit: idBytes,
    index,
    author: header.author,
    hlc: header.hlc,
    operation,
  });
  for (const one of a.operations)
    for (const other of b.operations)
      if (one.operation.key === other.operation.key) {
        const kind = contradictionOf(versioned(a, one), versioned(b, other), isTrusted);
        if (kind !== undefined) return kind;
      }
  return undefined;
}
