import { createMemoryVault } from '../../src/adapters/vault/index.ts';
import { type Bytes, concatBytes } from '../../src/core/types/index.ts';
import type { Clock, VaultStore } from '../../src/ports/index.ts';
import type { Life } from './clock.ts';
import { hasher } from './crypto.ts';

/** The vaults of all machines: what is whole on a disk outlives the process, and a dead one changes nothing more. */
export interface SimVaults {
  open(index: number, clock: Clock, life: Life): Promise<VaultStore>;
  /** Takes everything from the vault of a machine that is down. */
  wipe(index: number): void;
  /** Changes a byte of the largest content on a machine that is down. Its hash, where there is one. */
  damage(index: number): string | undefined;
}

interface Whole {
  readonly content: Bytes;
  readonly leaves: Bytes;
}

export function createSimVaults(): SimVaults {
  const disks = new Map<number, Map<string, Whole>>();
  const diskOf = (index: number): Map<string, Whole> => {
    const disk = disks.get(index) ?? new Map<string, Whole>();
    disks.set(index, disk);
    return disk;
  };

  async function put(store: VaultStore, hash: string, { content, leaves }: Whole): Promise<void> {
    const upload = await store.begin();
    await upload.write(content);
    await upload.commit(hash, leaves);
  }

  return {
    async open(index, clock, life) {
      const disk = diskOf(index);
      const store = createMemoryVault({ hasher, clock });
      for (const [hash, whole] of disk) await put(store, hash, whole);
      const whole = (hash: string, content: Bytes, leaves: Bytes): void => {
        if (life.alive) disk.set(hash, { content, leaves: leaves.slice() });
      };
      return {
        ...store,
        async begin() {
          const upload = await store.begin();
          const parts: Bytes[] = [];
          return {
            ...upload,
            async write(bytes) {
              parts.push(bytes.slice());
              await upload.write(bytes);
            },
            async commit(hash, leaves) {
              await upload.commit(hash, leaves);
              whole(hash, concatBytes(...parts), leaves);
            },
          };
        },
        async resume(hash, size, signal) {
          const partial = await store.resume(hash, size, signal);
          return {
            ...partial,
            async finish(leaves) {
              await partial.finish(leaves);
              const parts: Bytes[] = [];
              for await (const part of (await store.read(hash, 0, size)) ?? []) parts.push(part.slice());
              whole(hash, concatBytes(...parts), leaves);
            },
          };
        },
        async remove(hash) {
          if (life.alive) disk.delete(hash);
          return store.remove(hash);
        },
      };
    },
    wipe: (index) => diskOf(index).clear(),
    damage(index) {
      const [largest] = Array.from(diskOf(index)).sort(([, a], [, b]) => b.content.length - a.content.length);
      if (largest === undefined || largest[1].content.length === 0) return undefined;
      const [hash, { content, leaves }] = largest;
      const changed = content.slice();
      changed[changed.length >> 1] = (changed[changed.length >> 1] ?? 0) ^ 1;
      diskOf(index).set(hash, { content: changed, leaves });
      return hash;
    },
  };
}
