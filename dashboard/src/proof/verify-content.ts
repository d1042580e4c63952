import { bundledCrypto, type Check } from '../../../src/audit/index.ts';
import { createContentHash } from '../../../src/core/vault/blocks.ts';
import { api } from '../lib/api.ts';
import { status } from '../lib/live.ts';
import { verifyDocument } from './verify.ts';

export interface ContentResult {
  readonly holds: boolean;
  /** The checks of the entry's proof, and those of the content. */
  readonly checks: readonly (Pick<Check, 'result' | 'text'> & { readonly check: string })[];
  readonly ms: number;
}

interface EntryValue {
  readonly size?: unknown;
  readonly root?: unknown;
}

/**
 * Checks in the browser that the node's root holds the entry of the object, and that the content which the node sends
 * is the one that the entry names: its SHA-256, its length and its block tree. `onBytes` is told how many have come.
 */
export async function verifyContent(
  hash: string,
  signal: AbortSignal,
  onBytes: (bytes: number) => void,
): Promise<ContentResult> {
  const from = performance.now();
  const key = `vault/${hash}`;
  const known = status.peek();
  const proof = await verifyDocument(await api.getProofText(key, { signal }), {
    key,
    network: known?.network,
    trusted: known?.trust.authors ?? [],
  });
  const value = (proof.holds ? (proof.proven.value ?? {}) : {}) as EntryValue;

  const run = createContentHash(bundledCrypto().hasher);
  // The content is hashed here whatever comes of it, so that the page can say what is wrong.
  const { stream } = await api.vault.get(hash, { signal, verify: false });
  for await (const piece of stream) {
    run.update(piece);
    onBytes(run.size);
  }
  const digest = run.digest();
  const checkOf = (check: string, holds: boolean, good: string, bad: string) => ({
    check,
    result: holds ? ('ok' as const) : ('failed' as const),
    text: holds ? good : bad,
  });
  const content = [
    checkOf(
      'sha-256',
      digest.hash === hash,
      `the SHA-256 of the ${digest.size} bytes that came is the hash of the object`,
      `the bytes that came have the SHA-256 ${digest.hash}`,
    ),
    checkOf(
      'size',
      digest.size === value.size,
      'there are as many bytes as the proven entry names',
      `${digest.size} bytes came, and the proven entry names ${String(value.size)}`,
    ),
    checkOf(
      'block-tree',
      digest.root === value.root,
      'their block tree leads to the root in the proven entry',
      'their block tree leads to another root than that of the proven entry',
    ),
  ];
  return {
    holds: proof.holds && content.every(({ result }) => result === 'ok'),
    checks: [...proof.checks, ...content],
    ms: performance.now() - from,
  };
}
