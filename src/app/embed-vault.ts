import type { VaultChecked, VaultReading, VaultService } from '../runtime/index.ts';
import { type Stream, streamOf } from '../timing/index.ts';
import type { EmbeddedVault } from './embedded-vault.ts';
import type { Life } from './life.ts';

/** The vault as a program that embeds the node sees it: with a signal for every call, and an end with the node. */
export function embedVault(vault: VaultService, life: Life): EmbeddedVault {
  const read = <T>(make: () => AsyncIterable<T>, signal: AbortSignal | undefined): Stream<T> =>
    streamOf((ending) => life.steps(make, ending), signal);

  return {
    put: (content, { signal, name, type, pin, expect } = {}) =>
      life.run(
        () =>
          vault.put(content, {
            ...(name === undefined ? {} : { name }),
            ...(type === undefined ? {} : { type }),
            ...(pin === undefined ? {} : { pin }),
            ...(expect === undefined ? {} : { expect }),
            ...(signal === undefined ? {} : { signal }),
          }),
        signal,
      ),
    async open(hash, { signal, range } = {}) {
      const { object, bytes } = await life.run(() => vault.open(hash, range), signal);
      return { object, bytes: read(() => bytes, signal) };
    },
    stat: (hash, { signal } = {}) => life.run(() => vault.stat(hash), signal),
    list: ({ signal, ...asked } = {}) => life.run(() => vault.list(asked), signal),
    status() {
      life.check();
      return vault.status();
    },
    holders: (hash, { signal } = {}) => life.run(() => vault.holders(hash), signal),
    leaves: (hash, { signal } = {}) => life.run(() => vault.leaves(hash), signal),
    pin: (hash, pinned, { signal } = {}) => life.run(() => vault.pin(hash, pinned), signal),
    fetch: (hash, { signal } = {}) => life.run(() => vault.fetch(hash, signal === undefined ? {} : { signal }), signal),
    remove: (hash, { signal } = {}) => life.run(() => vault.remove(hash), signal),
    verify: ({ signal, hash } = {}) => read(() => checkedOnly(vault.verify(hash)), signal),
    collect: ({ signal, ...asked } = {}) => life.run(() => vault.collect(asked), signal),
  };
}

/** The objects that were checked, without how far the reading of a large one is. */
async function* checkedOnly(found: AsyncIterable<VaultChecked | VaultReading>): AsyncGenerator<VaultChecked, void> {
  for await (const one of found) if ('hash' in one) yield one;
}
