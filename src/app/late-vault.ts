import { LatticeError } from '../core/types/index.ts';
import type { VaultStore } from '../ports/index.ts';

/**
 * A vault store that is opened by the first call that needs it, and again by the next one after a failure. So neither a
 * slow disk nor a broken one holds up the start of a node, whose state lies elsewhere. Until it is open, every call
 * rejects with LatticeError `vault-store-failed`, whose message names the cause.
 */
export function createLateVault(open: () => Promise<VaultStore>): VaultStore {
  let opening: Promise<VaultStore> | undefined;
  let closed = false;

  function opened(): Promise<VaultStore> {
    if (closed) return Promise.reject(new LatticeError('store-closed', 'The vault is closed.'));
    opening ??= open().catch((cause: unknown) => {
      opening = undefined;
      if (cause instanceof LatticeError && cause.code === 'vault-store-failed') throw cause;
      throw new LatticeError('vault-store-failed', cause instanceof Error ? cause.message : String(cause), {
        next: (cause instanceof LatticeError ? cause.next : undefined) ?? 'Check where the vault lies, and try again.',
        cause,
      });
    });
    return opening;
  }

  return {
    begin: async () => (await opened()).begin(),
    resume: async (hash, size, signal) => (await opened()).resume(hash, size, signal),
    stat: async (hash) => (await opened()).stat(hash),
    leaves: async (hash) => (await opened()).leaves(hash),
    read: async (hash, start, end) => (await opened()).read(hash, start, end),
    async *list() {
      yield* (await opened()).list();
    },
    partials: async () => (await opened()).partials(),
    remove: async (hash) => (await opened()).remove(hash),
    async close() {
      closed = true;
      // What could not be opened needs no closing.
      const store = await opening?.catch(() => undefined);
      await store?.close();
    },
  };
}
