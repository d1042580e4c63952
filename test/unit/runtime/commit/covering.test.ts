import { beforeEach, describe, expect, it } from 'vitest';
import type { Author, Fragment } from '../../../../src/core/types/index.ts';
import { keyHash } from '../../../../src/core/wire/index.ts';
import type { Applied } from '../../../../src/runtime/commit/applied.ts';
import { createCovering, createCoveringWrites } from '../../../../src/runtime/commit/covering.ts';
import type { ReadOnlyReason } from '../../../../src/runtime/facade/codes.ts';
import { HERE } from '../../../../src/runtime/storage/entries.ts';
import {
  createAuthor,
  createHandClock,
  EPOCH_MS,
  FOUND,
  type HandClock,
  hasher,
  log,
  openTestState,
  put,
  type TestState,
} from '../support.ts';

const other = createAuthor(2);
const third = createAuthor(3);

let clock: HandClock;

beforeEach(() => {
  clock = createHandClock();
});

describe('keys to be covered', () => {
  it('are taken sixteen at a time, each once in ten seconds [N16]', async () => {
    const covering = createCovering(clock);
    for (let i = 0; i < 20; i++) covering.note(`key/${i}`);
    covering.note('key/0');
    expect([covering.take().length, covering.take().length, covering.take().length]).toEqual([16, 4, 0]);
    covering.note('key/0');
    await clock.advance(9_900);
    expect(covering.take()).toEqual([]);
    await clock.advance(100);
    covering.note('key/0');
    expect(covering.take()).toEqual(['key/0']);
  });

  it('are bounded in number', () => {
    const covering = createCovering(clock);
    for (let i = 0; i < 3_000; i++) covering.note(`key/${i}`);
    let taken = 0;
    for (let keys = covering.take(); keys.length > 0; keys = covering.take()) taken += keys.length;
    expect(taken).toBe(1_024);
  });
});

describe('covering writes', () => {
  let state: TestState;
  let reasons: ReadOnlyReason[];
  let applied: Applied[];

  beforeEach(async () => {
    reasons = [];
    applied = [];
    state = await openTestState({ clock, onApplied: (one) => applied.push(one) });
  });

  /** The present siblings of the key, winner first: who wrote each, and what. */
  const siblings = async (key: string) =>
    (await state.entries.get({ keyHash: keyHash(key, hasher) }, HERE))?.siblings.map(
      ({ author, operation: { value } }) => [author, value],
    );
  const own = (): Author => state.self.author;

  async function covered(...keys: readonly string[]): Promise<void> {
    const covering = createCovering(clock);
    for (const key of keys) covering.note(key);
    const guard = { ready: async () => undefined, reasons: () => reasons };
    const writes = createCoveringWrites({ covering, writer: state.writer, guard, clock, log });
    writes.start();
    await clock.advance(1_100);
    writes.stop();
  }

  it("replace what was this node's own and the winner, whose value they have, and nothing else [N16]", async () => {
    const mine = (await state.writer.write(put('key', 'mine'))) as { readonly commit: Fragment };
    const context = [{ author: own(), hlc: mine.commit.header.hlc }];
    await state.writer.apply(other.commit({ key: 'winner' }, { ms: EPOCH_MS + 500, context }), FOUND);
    await state.writer.apply(third.commit({ key: 'other' }, { ms: EPOCH_MS + 400 }), FOUND);
    expect(await siblings('key')).toEqual([
      [other.author, 'winner'],
      [third.author, 'other'],
    ]);
    await covered('key');
    expect(await siblings('key')).toEqual([
      [own(), 'winner'],
      [third.author, 'other'],
    ]);
  });

  it('bring nothing back that a value of this node had replaced, where that value is there beside the winner [N16]', async () => {
    const replaced = third.commit({ key: 'replaced' }, { ms: EPOCH_MS + 100 });
    await state.writer.apply(replaced, FOUND);
    await state.writer.write(put('key', 'mine'));
    await state.writer.apply(other.commit({ key: 'winner' }, { ms: EPOCH_MS + 5_000 }), FOUND);
    await covered('key');
    await state.writer.apply(replaced, FOUND);
    expect(await siblings('key')).toEqual([[own(), 'winner']]);
  });

  it('are not made while this node is read-only, nor for keys that are not here [N16]', async () => {
    await state.writer.apply(other.commit({ key: 1 }), FOUND);
    reasons = [{ code: 'clock-jump', text: 'a jump' }];
    await covered('key');
    expect(await siblings('key')).toEqual([[other.author, 1]]);
    reasons = [];
    await covered('absent');
    expect(applied).toHaveLength(1);
  });
});
