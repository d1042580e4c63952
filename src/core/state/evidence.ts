import {
  type Author,
  type Bytes,
  type CommitId,
  type Context,
  compareBytes,
  type Fragment,
  type Hasher,
  type Hlc,
  LatticeError,
  MAX_CONTEXT_DOTS,
  type Operation,
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
 * author's next context names one of these. `isTrusted` is asked of each dot that the earlier one names, with the HLC of
 * the later one: what had been collected by then need not be named. So a context that names nothing later than the earlier operation, and yet
 * leaves out what that one names, is a lie; or the author's trust list has changed in between, or its store has lost
 * the earlier operation.
 */
export function contradictionOf(
  a: Versioned,
  b: Versioned,
  isTrusted: (author: Author, hlc: Hlc, by: Hlc) => boolean,
): Contradiction | undefined {
  if (a.author !== b.author) return undefined;
  if (a.hlc === b.hlc) return compareBytes(a.commit, b.commit) === 0 ? undefined : 'same-time';
  const [earlier, later] = a.hlc < b.hlc ? [a, b] : [b, a];
  const { context } = later.operation;
  // A full context leaves out what is oldest (SPEC R5).
  if (context.length >= MAX_CONTEXT_DOTS || context.some(({ hlc }) => hlc > earlier.hlc)) return undefined;
  const forgets = earlier.operation.context.some(
    ({ author, hlc }) => isTrusted(author, hlc, later.hlc) && !covers(context, author, hlc),
  );
  return forgets ? 'forgotten' : undefined;
}

/** Two commits that contradict each other as soon as both signatures are good. */
export interface Evidence {
  readonly kind: Contradiction;
  readonly author: Author;
  /** The commit ids, the earlier one first; of two with one time in the order given. */
  readonly commits: readonly [CommitId, CommitId];
  /** The key that both write and that shows the contradiction; undefined where their time alone does. */
  readonly key?: string;
  /** What the later commit leaves out of each key that both write, though the earlier one names it. */
  readonly forgotten: readonly { readonly key: string; readonly context: Context }[];
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
  if (a.header.author !== b.header.author || a.id === b.id) throw noContradiction();
  const [earlier, later] = a.header.hlc <= b.header.hlc ? [a, b] : [b, a];
  const shared = sharedKeys(earlier, later);
  const evidence = {
    author: earlier.header.author,
    commits: [earlier.id, later.id],
    signatures: [a, b].map(({ headerBytes, signature }) => ({ message: commitSigningBytes(headerBytes), signature })),
  } as const;
  if (earlier.header.hlc === later.header.hlc) return { ...evidence, kind: 'same-time', forgotten: [] };
  const shown = shared.find(([one, other]) => contradictionOf(one, other, isTrusted) !== undefined);
  if (shown === undefined) throw noContradiction();
  const forgotten = shared.flatMap(([{ operation }, other]) => {
    const context = operation.context.filter(({ author, hlc }) => !covers(other.operation.context, author, hlc));
    return context.length === 0 ? [] : [{ key: operation.key, context }];
  });
  return { ...evidence, kind: 'forgotten', key: shown[0].operation.key, forgotten };
}

const noContradiction = (): LatticeError =>
  new LatticeError('proof-invalid', 'the two commits do not contradict each other');

/** An operation of a fragment, as the register looks at it. */
interface Shown extends Versioned {
  readonly operation: Operation;
}

/** The operations on each key that both commits write. */
function sharedKeys(earlier: Fragment, later: Fragment): readonly (readonly [Shown, Shown])[] {
  const shown = ({ idBytes, header }: Fragment, { index, operation }: Fragment['operations'][number]): Shown => ({
    commit: idBytes,
    index,
    author: header.author,
    hlc: header.hlc,
    operation,
  });
  return earlier.operations.flatMap((one) => {
    const other = later.operations.find(({ operation }) => operation.key === one.operation.key);
    return other === undefined ? [] : [[shown(earlier, one), shown(later, other)] as const];
  });
}
