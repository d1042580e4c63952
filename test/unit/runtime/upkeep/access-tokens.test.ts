import { beforeEach, describe, expect, it } from 'vitest';
import { bytesToText } from '../../../../src/core/cbor/text.ts';
import { ACCESS_TOKENS, encodeAccessTokens } from '../../../../src/core/rows/index.ts';
import type { AccessTokens, TokenWish } from '../../../../src/runtime/facade/index.ts';
import { createAccessTokens, loadAccessTokens } from '../../../../src/runtime/upkeep/access-tokens.ts';
import { createRandom, hasher, log, openTestState, type TestState } from '../support.ts';

let state: TestState;
let tokens: AccessTokens;

/** A start of the node over the same store. */
async function open(): Promise<void> {
  const { writer, clock, store } = state;
  tokens = createAccessTokens({
    writer,
    saved: await loadAccessTokens(store),
    hasher,
    random: createRandom(7),
    clock,
    log,
  });
}

beforeEach(async () => {
  state = await openTestState();
  await open();
});

const wish = (more: Partial<TokenWish> = {}): TokenWish => ({ name: 'grafana', right: 'read', ...more });

describe('tokens that a node makes', () => {
  it('are told once, kept as hashes, and found again after a restart [TK2]', async () => {
    const { token, ...view } = await tokens.create(wish({ right: 'write', prefix: 'sensors/' }));
    expect(token).toMatch(/^lattice_[0-9a-f]{16}_[0-9a-f]{64}$/);
    expect(view).toMatchObject({ name: 'grafana', right: 'write', prefix: 'sensors/' });
    const row = await state.store.get(ACCESS_TOKENS);
    const secret = token.slice(-64);
    expect(Buffer.from(row ?? []).toString('hex')).not.toContain(secret);
    expect(Buffer.from(row ?? []).toString('latin1')).not.toContain(secret);

    await open();
    expect(tokens.list()).toEqual([view]);
    expect(tokens.find(token)).toMatchObject({ id: view.id, right: 'write', prefix: 'sensors/' });
    expect(tokens.list()[0]?.lastUsed).toBe(state.clock.now());
  });

  it('are found by their whole text only [TK2]', async () => {
    const { token, id } = await tokens.create(wish());
    const other = await tokens.create(wish({ name: 'other' }));
    const flip = token.slice(0, -1) + (token.endsWith('0') ? '1' : '0');
    for (const text of [
      '',
      id,
      flip,
      `${token}0`,
      token.toUpperCase(),
      ` ${token}`,
      `lattice_${other.id}${token.slice(24)}`,
    ])
      expect(tokens.find(text)).toBeUndefined();
    expect(tokens.find(token)?.id).toBe(id);
  });

  it('end with their time, after which they are neither listed nor counted [TK2]', async () => {
    const { token, id } = await tokens.create(wish({ ttlMs: 60_000 }));
    expect(tokens.find(token)?.expires).toBe(state.clock.now() + 60_000);
    expect(tokens.isValid(id)).toBe(true);
    await state.clock.advance(60_000);
    expect(tokens.find(token)).toBeUndefined();
    expect([tokens.isValid(id), tokens.any(), tokens.list().length]).toEqual([false, false, 0]);
    await expect(tokens.remove(id)).rejects.toMatchObject({ code: 'not-found' });
  });

  it('are withdrawn for good [TK2]', async () => {
    const { token, id } = await tokens.create(wish());
    await tokens.remove(id);
    expect([tokens.find(token), tokens.isValid(id)]).toEqual([undefined, false]);
    await open();
    expect(tokens.find(token)).toBeUndefined();
    await expect(tokens.remove(id)).rejects.toMatchObject({ code: 'not-found' });
    await expect(tokens.remove('no id')).rejects.toMatchObject({ code: 'not-found' });
  });

  it('have bounds, each of which refuses [TK2]', async () => {
    const wrong: readonly Partial<TokenWish>[] = [
      { name: '' },
      { name: 'é'.repeat(33) },
      { name: '\ud800' },
      { right: 'everything' as TokenWish['right'] },
      { prefix: 'a' },
      { right: 'operate', prefix: 'a' },
      { right: 'write', prefix: 'a'.repeat(1025) },
      { ttlMs: 999 },
      { ttlMs: 1.5e3 + 0.5 },
      { ttlMs: Number.NaN },
      { ttlMs: 10 * 366 * 86_400_000 + 1 },
    ];
    for (const more of wrong)
      await expect(tokens.create(wish(more)), JSON.stringify(more)).rejects.toMatchObject({ code: 'invalid-token' });
    expect(tokens.list()).toEqual([]);
  });

  it('are 256 at most, of which those whose time is over are none [TK2]', async () => {
    await tokens.create(wish({ ttlMs: 1000 }));
    for (let i = 1; i < 256; i++) await tokens.create(wish({ name: `${i}` }));
    await expect(tokens.create(wish())).rejects.toMatchObject({ code: 'too-many-tokens' });
    await state.clock.advance(1000);
    await tokens.create(wish());
    expect(tokens.list().length).toBe(256);
    await open();
    expect(tokens.list().length).toBe(256);
  });

  it('that come at the same time are all kept', async () => {
    const made = await Promise.all(['a', 'b', 'c'].map((name) => tokens.create(wish({ name }))));
    await open();
    expect(tokens.list().map(({ name }) => name)).toEqual(['a', 'b', 'c']);
    for (const { token, id } of made) expect(tokens.find(token)?.id).toBe(id);
  });

  it('end the start when their row is damaged', async () => {
    const good = encodeAccessTokens([]);
    expect(bytesToText(good.subarray(1))).toBe('');
    for (const bytes of [Uint8Array.of(0xff), Uint8Array.of(0x81, 0x00), Uint8Array.of(0x99, 0x01, 0x01)]) {
      await state.store.batch([{ type: 'put', key: ACCESS_TOKENS, value: bytes }]);
      await expect(loadAccessTokens(state.store)).rejects.toMatchObject({ code: 'damaged-row' });
    }
  });
});
