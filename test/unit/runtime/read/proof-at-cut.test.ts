import { beforeEach, describe, expect, it } from 'vitest';
import { verifyProofDocument } from '../../../../src/audit/index.ts';
import { keyHash } from '../../../../src/core/wire/index.ts';
import { authorsOf, createParty, gossip, type Party, PERIOD_MS, SETTLE_MS } from '../cuts/support.ts';
import { createAuthor, createHandClock, EPOCH_MS, FOUND, type HandClock, hasher, put, verifier } from '../support.ts';

const TRUSTED = authorsOf(1, 2, 3);
const options = { hasher, verifier, trusted: TRUSTED };

let clock: HandClock;
let one: Party;
let two: Party;

/** Until the cut at `n` periods is fixed and certified. */
async function reach(n: number): Promise<void> {
  await clock.advance(EPOCH_MS + n * PERIOD_MS + SETTLE_MS + 300 - clock.now());
  await gossip([one, two]);
}

beforeEach(async () => {
  clock = createHandClock();
  [one, two] = (await Promise.all([1, 2].map((id) => createParty(id, clock, TRUSTED)))) as [Party, Party];
  await clock.advance(1);
  const fragment = createAuthor(3).commit({ here: 'value', other: 2, third: 3 }, { ms: EPOCH_MS + 2_000 });
  for (const party of [one, two]) await party.writer.apply(fragment, FOUND);
});

describe('a proof at a cut', () => {
  it('holds by the word of a quorum, without trust in who serves it [Z8]', async () => {
    await reach(1);
    const document = await one.reads.prove('here', { at: 'cut' });
    expect(document.head).toBeUndefined();
    const proven = await verifyProofDocument(document, options);
    expect(proven).toMatchObject({
      kind: 'present',
      value: 'value',
      head: undefined,
      certificate: { at: EPOCH_MS + PERIOD_MS, quorum: 2 },
    });
    expect(proven.certificate?.signers).toHaveLength(2);
    expect((await verifyProofDocument(await one.reads.prove('nowhere', { at: 'cut' }), options)).kind).toBe('absent');
  });

  it('is about the cut while other keys change, the one that absence is shown by included [Z8]', async () => {
    await reach(1);
    // Every key but one changes; the unchanged one is still proven, and absent ones by leaves that have changed.
    await one.writer.write(put('other', 'changed'));
    await one.writer.write(put('third', 'changed'));
    await one.writer.write(put('fourth', 'new'));
    const { root } = await one.reads.prove('here', { at: 'cut' });
    expect((await verifyProofDocument(await one.reads.prove('here', { at: 'cut' }), options)).value).toBe('value');
    const reached = new Set<string>();
    for (let i = 0; i < 30; i++) {
      const proven = await verifyProofDocument(await one.reads.prove(`absent/${i}`, { at: 'cut' }), options);
      expect([proven.kind, proven.root]).toEqual(['absent', root]);
      const path = one.cuts.current()?.tree.path(keyHash(`absent/${i}`, hasher));
      if (path?.kind === 'leaf') reached.add(path.keyHash.join());
    }
    expect(reached.size).toBe(3);
  });

  it('is refused for a key that has changed since, with the seconds to wait [Z8]', async () => {
    await reach(1);
    await one.writer.write(put('here', 'changed'));
    await one.writer.write(put('new', 1));
    for (const key of ['here', 'new']) {
      await expect(one.reads.prove(key, { at: 'cut' })).rejects.toMatchObject({
        code: 'changed-since-cut',
        next: 'try again in 11 s',
      });
    }
    await clock.advance(5_000);
    await expect(one.reads.prove('here', { at: 'cut' })).rejects.toMatchObject({ next: 'try again in 6 s' });
    expect((await verifyProofDocument(await one.reads.prove('here'), { ...options, trusted: 'anyone' })).value).toBe(
      'changed',
    );
  });

  it('needs a certificate of this very root [Z8]', async () => {
    await expect(one.reads.prove('here', { at: 'cut' })).rejects.toMatchObject({ code: 'not-certified' });
    two.mayAttest = false;
    await reach(1);
    await expect(one.reads.prove('here', { at: 'cut' })).rejects.toMatchObject({ code: 'not-certified' });
  });

  it('does not hold for another trust list, without one, for another root, or with a changed certificate [Z8]', async () => {
    await reach(1);
    const document = await one.reads.prove('here', { at: 'cut' });
    const code = async (changes: object, more: object = {}): Promise<unknown> =>
      verifyProofDocument({ ...document, ...changes }, { ...options, ...more }).then(
        () => 'holds',
        (error: { code: unknown }) => error.code,
      );
    expect(await code({})).toBe('holds');
    expect(await code({}, { trusted: undefined })).toBe('trust-needed');
    expect(await code({}, { trusted: authorsOf(1, 2) })).toBe('proof-invalid');
    expect(await code({}, { trusted: authorsOf(7, 8, 9) })).toBe('proof-invalid');
    expect(await code({}, { asked: { root: 'ab'.repeat(32) } })).toBe('proof-invalid');
    expect(await code({ root: 'ab'.repeat(32) })).toBe('proof-invalid');
    expect(await code({ network: 'other' })).toBe('proof-invalid');
    expect(await code({ value: 'other' })).toBe('proof-invalid');
    const bytes = Buffer.from(document.certificate as string, 'base64url');
    for (let at = 0; at < bytes.length; at++) {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] as number) ^ 1;
      expect(await code({ certificate: changed.toString('base64url') }), `byte ${at}`).toMatch(
        /^proof-(malformed|invalid)$/,
      );
    }
  });
});
