import { describe, expect, it } from 'vitest';
import { HEADER_READERS } from '../../../../src/core/rows/index.ts';
import { type Author, EXPIRY_VERSION, LatticeError } from '../../../../src/core/types/index.ts';
import { createHeaderVersions, loadHeaderReaders } from '../../../../src/runtime/fleet/header-versions.ts';
import { gateStore, log, recordingLog, turns } from '../support.ts';

const author = (digit: string): Author => digit.repeat(64) as Author;
const [A, B] = [author('a'), author('b')];

async function open(
  members: readonly (readonly [Author | undefined, string])[],
  store = gateStore(),
): Promise<ReturnType<typeof createHeaderVersions> & { readonly store: typeof store }> {
  const versions = createHeaderVersions({
    version: EXPIRY_VERSION,
    row: HEADER_READERS,
    saved: await loadHeaderReaders(store, HEADER_READERS, log),
    members: () => members.map(([of, label]) => ({ author: of, label })),
    keep: (make) => store.batch(make()),
    log,
  });
  return { ...versions, store };
}

describe('which members read values with an end', () => {
  it('are none that have told nothing: a write is refused, and names them and how to go on [EX4]', async () => {
    const versions = await open([
      [A, 'north'],
      [undefined, 'http://later.example'],
    ]);
    expect(versions.laggards().map(({ label }) => label)).toEqual(['north', 'http://later.example']);
    const error = await Promise.resolve()
      .then(versions.check)
      .catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(LatticeError);
    expect(error).toMatchObject({
      code: 'version-not-read',
      message: expect.stringContaining('north (not heard yet), http://later.example (not heard yet)'),
      details: { members: [{ label: 'north', told: false }, expect.anything()] },
    });
  });

  it('are all once each has told so; one that tells an earlier version, or none, is named [EX4]', async () => {
    const versions = await open([
      [A, 'north'],
      [B, 'south'],
    ]);
    versions.note(A, 2);
    versions.note(B, 1);
    expect(versions.check).toThrow(/south \(an earlier version\)/);
    expect(versions.check).not.toThrow(/north/);
    versions.note(B, 3);
    expect(versions.check).not.toThrow();
    versions.note(A, undefined);
    expect(versions.laggards()).toEqual([{ label: 'north', told: true }]);
  });

  it('is remembered over restarts of members that are away, and forgotten of who is no member [EX4]', async () => {
    const first = await open([[A, 'north']]);
    first.note(A, 2);
    first.note(B, 2);
    await turns();
    const again = await open([[A, 'north']], first.store);
    expect(again.laggards()).toEqual([]);
    const wider = await open(
      [
        [A, 'north'],
        [B, 'south'],
      ],
      first.store,
    );
    expect(wider.laggards().map(({ label }) => label)).toEqual(['south']);
  });

  it('is asked anew where the row is damaged [EX4]', async () => {
    const store = gateStore();
    await store.batch([{ type: 'put', key: HEADER_READERS, value: Uint8Array.of(1) }]);
    const lines: Parameters<typeof recordingLog>[0] = [];
    expect(await loadHeaderReaders(store, HEADER_READERS, recordingLog(lines))).toEqual([]);
    expect(lines.map(({ level }) => level)).toEqual(['warn']);
  });
});
