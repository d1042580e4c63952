import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type EmbeddedLattice, LatticeError, startNode } from '../../../src/index.ts';

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'lattice-stop-'));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const outcomeOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'answered',
    (error: unknown) => (error instanceof LatticeError ? error.code : error),
  );

/** Content of which nothing comes for a while after the first pieces, as from a slow uplink. */
function slowContent(): { readonly content: AsyncIterable<Uint8Array>; readonly goOn: () => void } {
  let goOn = (): void => undefined;
  const later = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  async function* content(): AsyncGenerator<Uint8Array> {
    for (let i = 0; i < 4; i++) yield await Promise.resolve(new Uint8Array(1 << 20).fill(i));
    await later;
    for (let i = 0; i < 4; i++) yield new Uint8Array(1 << 20).fill(i);
  }
  return { content: content(), goOn };
}

/** Everything that takes long, begun and not read to its end, with what reads on later. */
async function begin(
  lattice: EmbeddedLattice,
  hash: string,
): Promise<Readonly<Record<string, () => Promise<unknown>>>> {
  const vault = lattice.vault ?? expect.fail('it has no vault');
  const slow = slowContent();
  const putting = vault.put(slow.content);
  putting.catch(() => undefined);
  const endless = vault.put({ [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(() => undefined) }) });
  endless.catch(() => undefined);
  const whole = (await lattice.wholeState()).chunks[Symbol.asyncIterator]();
  await whole.next();
  const opened = (await vault.open(hash)).bytes;
  await opened.next();
  const entries = lattice.entries();
  await entries.next();
  const verifying = vault.verify();
  await verifying.next();
  return {
    put: () => {
      slow.goOn();
      return putting;
    },
    'put of content that never comes': () => endless,
    wholeState: () => whole.next(),
    open: () => opened.next(),
    entries: async () => {
      for (;;) if ((await entries.next()).done === true) return;
    },
    verify: () => verifying.next(),
  };
}

it.each(['while it stops', 'once it has stopped'])(
  'what is under way %s rejects with `stopping`, and nothing else [N9]',
  async (when) => {
    const node = await startNode({ dataDir: join(directory, when.replaceAll(' ', '-')), vault: {} });
    const { lattice } = node;
    for (let i = 0; i < 20; i++)
      await lattice.write(
        Array.from({ length: 200 }, (_, k) => ({ op: 'put', key: `${i}/${k}`, value: 'x'.repeat(200) }) as const),
      );
    const vault = lattice.vault ?? expect.fail('it has no vault');
    const many = async (fill: number) =>
      (
        await vault.put(
          (async function* () {
            for (let i = 0; i < 24; i++) yield await Promise.resolve(new Uint8Array(1 << 20).fill(fill + i));
          })(),
        )
      ).object.hash;
    const hash = await many(1);
    await many(100);
    const later = await begin(lattice, hash);
    const stopping = node.stop();
    if (when === 'once it has stopped') await stopping;
    const outcomes = await Promise.all(
      Object.entries(later).map(async ([name, goOn]) => [name, await outcomeOf(goOn())] as const),
    );
    await stopping;
    expect(Object.fromEntries(outcomes)).toEqual(
      Object.fromEntries(Object.keys(later).map((name) => [name, 'stopping'])),
    );
  },
);
