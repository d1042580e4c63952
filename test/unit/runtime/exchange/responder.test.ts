import { beforeEach, describe, expect, it } from 'vitest';
import { type Author, type Bytes, bytesToHex, type Hlc } from '../../../../src/core/types/index.ts';
import { decodeSync, encodeFragment, encodeSync, type SyncMessage } from '../../../../src/core/wire/index.ts';
import { createAuthor, createHandClock, FOUND, type HandClock, put, type TestAuthor, until } from '../support.ts';
import { broughtBy, hashOf, openSide, PERIOD_MS, SETTLE_MS, type Side, want } from './support.ts';

const friend = createAuthor(2);
const stranger = createAuthor(9);
const NONE = new Uint8Array(0);

let clock: HandClock;
let ours: Side;
let sequence: number;

beforeEach(async () => {
  clock = createHandClock();
  ours = await openSide({ id: 1, clock, trusted: [friend.author] });
  sequence = 0;
});

/** What the friend is answered. */
const ask = async (message: SyncMessage, of = ours): Promise<SyncMessage> =>
  decodeSync(await of.responder.answer(friend.author, encodeSync(message), 'http'));

const hello = (of: TestAuthor = friend): Extract<SyncMessage, { type: 'hello' }> => ({
  type: 'hello',
  software: '1.0.0',
  head: of.head({ sequence: ++sequence }),
  yourHlc: 0n as Hlc,
});
const digests = (): SyncMessage => ({
  type: 'digests',
  queries: [{ prefix: NONE, bits: 0, bitmap: 0, digests: NONE }],
});
const cells = (): SyncMessage => ({ type: 'cells', root: NONE, mine: NONE, salt: NONE, from: 0, count: 16 });
const push = (live: boolean, by: TestAuthor = friend): SyncMessage => ({
  type: 'push',
  live,
  fragments: [encodeFragment(by.commit({ [`pushed/${++sequence}`]: 1 }))],
});
const attest: SyncMessage = { type: 'attest', attestations: [] };
const snapshot: SyncMessage = { type: 'snapshot', root: NONE };
const chunk: SyncMessage = { type: 'chunk', root: new Uint8Array(32).fill(5), index: 0, after: NONE };

describe('a request of a member', () => {
  it('is answered by its kind [S1]', async () => {
    await ours.writer.write(put('a', 1));
    const answers: [string, SyncMessage][] = [];
    const requests = [hello(), digests(), cells(), want(hashOf('a')), push(true), push(false), attest];
    for (const request of requests) answers.push([request.type, await ask(request)]);
    expect(answers.map(([asked, { type }]) => [asked, type])).toEqual([
      ['hello', 'hello'],
      ['digests', 'differences'],
      ['cells', 'coded'],
      ['want', 'entries'],
      ['push', 'pushed'],
      ['push', 'pushed'],
      ['attest', 'attested'],
    ]);
    const [, differences, , entries, pushed] = answers.map(([, answer]) => answer);
    expect(differences).toMatchObject({ differences: [{ kind: 'leaves', leaves: [{ keyHash: hashOf('a') }] }] });
    expect(entries).toMatchObject({ answered: 1 });
    expect(broughtBy(entries as SyncMessage)).toEqual({ a: 1 });
    expect(pushed).toEqual({ type: 'pushed', verdicts: ['held'] });
    await until('both are applied', () => ours.replica.tree.size === 3);
  });

  it('for a snapshot is refused by code where no cut is held, and answered where one is [W6]', async () => {
    expect(await ask(snapshot)).toMatchObject({ type: 'error', code: 'no-snapshot' });
    expect(await ask(chunk)).toMatchObject({ type: 'error', code: 'gone' });
    const alone = await openSide({ id: 1, clock, trusted: [] });
    alone.members.configure(friend.author);
    alone.cuts.start();
    await alone.writer.write(put('a', 1));
    await clock.advance(2 * PERIOD_MS + SETTLE_MS);
    await until('a cut is certified', () => alone.cuts.current()?.certificate !== undefined);
    expect((await ask(snapshot, alone)).type).toBe('manifest');
    const root = alone.cuts.current()?.root as Bytes;
    expect(await ask({ type: 'chunk', root, index: 0, after: NONE }, alone)).toMatchObject({
      type: 'part',
      entries: [expect.any(Uint8Array)],
    });
  });

  it('hello is answered in the form in which it was sent: nodes of an earlier version know the shorter one [S2, S16]', async () => {
    const about = { name: 'oslo', condition: { serves: false, readOnly: ['disk'] } };
    expect(await ask(hello())).not.toHaveProperty('about');
    const { reads, ...shorter } = { ...ours.about, reads: 2 };
    ours.about = { ...shorter, reads };
    expect(await ask({ ...hello(), about })).toHaveProperty('about', shorter);
    expect(await ask({ ...hello(), about: { ...about, reads: 7 } })).toHaveProperty('about', ours.about);
    expect(ours.peers.get(friend.author)?.view.condition).toEqual({ ...about.condition, refusesSince: clock.now() });
  });

  it('hello is answered with ours, which names the durable state and what we hold of the asker [S2]', async () => {
    const commit = friend.commit({ theirs: 1 });
    await ours.writer.apply(commit, FOUND);
    const asked = hello();
    const answer = await ask(asked);
    expect(answer).toMatchObject({ type: 'hello', software: '1.0.1', yourHlc: commit.header.hlc });
    if (answer.type !== 'hello') throw new Error('unreachable');
    expect(bytesToHex(answer.head.head.root)).toBe(bytesToHex(ours.replica.tree.root()));
    expect(answer.head.head.author).toBe(ours.self.author);
    // It was heard, too.
    expect(ours.peers.get(friend.author)?.view).toMatchObject({
      software: '1.0.0',
      head: { sequence: asked.head.head.sequence },
      heardAt: { http: 0 },
    });
  });

  it('hello is answered 64 times at once, and then 32 times a second [L2]', async () => {
    const said = async (times: number): Promise<number> => {
      const answers: SyncMessage[] = [];
      for (let i = 0; i < times; i++) answers.push(await ask(hello()));
      const refused = answers.filter((answer) => answer.type === 'error');
      for (const answer of refused) expect(answer).toMatchObject({ code: 'overloaded' });
      return times - refused.length;
    };
    expect(await said(100)).toBe(64);
    await clock.advance(1000);
    expect(await said(100)).toBe(32);
    expect((await ask(digests())).type).toBe('differences');
  });

  it('that nobody may ask is malformed: answers are no requests', async () => {
    const answers: SyncMessage[] = [
      { type: 'error', code: 'gone', message: '' },
      { type: 'manifest', certificate: Uint8Array.of(1), hashes: new Uint8Array(32) },
      { type: 'part', next: NONE, entries: [], leaves: NONE },
    ];
    for (const request of [digests(), cells(), want(hashOf('a')), push(true), attest]) answers.push(await ask(request));
    expect(answers.map(({ type }) => type)).toEqual([
      'error',
      'manifest',
      'part',
      'differences',
      'coded',
      'entries',
      'pushed',
      'attested',
    ]);
    for (const answer of answers)
      expect(await ask(answer)).toMatchObject({
        type: 'error',
        code: 'malformed',
        message: `${answer.type} is an answer, not a request`,
      });
  });

  it('that cannot be read is refused by what it breaks', async () => {
    const answer = async (bytes: Bytes): Promise<SyncMessage> =>
      decodeSync(await ours.responder.answer(friend.author, bytes, 'p2p'));
    expect(await answer(Uint8Array.of(1, 2, 3))).toMatchObject({ type: 'error', code: 'malformed' });
    // The type is the first item of the array, in one byte.
    const unknown = encodeSync(attest).slice();
    unknown.set([23], 1);
    expect((await answer(unknown)).type).toBe('error');
    expect(await ask({ ...hello(), head: stranger.head() })).toMatchObject({ type: 'error', code: 'malformed' });
  });

  it('of a push tells for each operation what became of it, whoever signed it [S12]', async () => {
    const commits = [friend.commit({ a: 1, b: 2 }), stranger.commit({ c: 3 })];
    const message: SyncMessage = { type: 'push', live: false, fragments: commits.map(encodeFragment) };
    expect(await ask(message)).toEqual({ type: 'pushed', verdicts: ['held', 'held', 'untrusted-author'] });
  });
});

describe('whoever is no member', () => {
  it('is refused by code, whatever it asks, and nothing of it is noted [S9]', async () => {
    ours.peers.ensure(stranger.author);
    for (const asker of [stranger.author, undefined] as (Author | undefined)[]) {
      for (const request of [hello(stranger), digests(), cells(), want(hashOf('a')), push(true), attest, snapshot]) {
        const answer = decodeSync(await ours.responder.answer(asker, encodeSync(request), 'p2p'));
        expect(answer).toMatchObject({ type: 'error', code: 'not-a-member' });
      }
    }
    const peer = ours.peers.get(stranger.author);
    expect([peer?.link.reachesUs, peer?.view.head, peer?.repair.served.open]).toEqual([false, undefined, 0]);
    expect(ours.replica.tree.size).toBe(0);
  });

  it('is answered once an operator names it [S9]', async () => {
    ours.members.configure(stranger.author);
    const answer = decodeSync(await ours.responder.answer(stranger.author, encodeSync(hello(stranger)), 'p2p'));
    expect(answer.type).toBe('hello');
  });
});

describe('who asks', () => {
  const repair = () => ours.peers.get(friend.author)?.repair;

  it('reaches us, whatever it asks, and only once it has [N10]', async () => {
    expect(ours.peers.get(friend.author)?.link.reachesUs).toBe(false);
    await ask(attest);
    expect(ours.peers.get(friend.author)?.link.reachesUs).toBe(true);
  });

  it.each<readonly [what: string, request: () => SyncMessage, served: boolean]>([
    ['hello', hello, false],
    ['digests', digests, true],
    ['cells', cells, true],
    ['want', () => want(hashOf('a')), true],
    ['a push that is not live', () => push(false), true],
    ['a live push', () => push(true), false],
    ['attest', () => attest, false],
    ['snapshot', () => snapshot, true],
    ['chunk', () => chunk, true],
  ])('by %s repairs with us, or does not, while it is answered [S13]', async (_, request, served) => {
    // The answer waits for the batch that is on its way.
    ours.store.hold();
    const batch = ours.writer.write(put('ours', 1));
    await until('the batch is on its way', () => ours.store.held.length === 1);
    const answer = ask(request());
    const open = repair()?.served.open;
    ours.store.open();
    await Promise.all([batch, answer]);
    expect([open, repair()?.served.open]).toEqual([served ? 1 : 0, 0]);
    expect(repair()?.served.at).toBe(served ? 0 : -Infinity);
  });

  it('is no longer served when its request was refused [S13]', async () => {
    ours.bootstrapping = true;
    expect(await ask(digests())).toMatchObject({ type: 'error' });
    expect(repair()?.served.open).toBe(0);
  });
});

describe('while a snapshot is taken over', () => {
  beforeEach(() => {
    ours.bootstrapping = true;
  });

  it('what would bring the same once more is refused [W7]', async () => {
    for (const request of [digests(), cells(), push(false)])
      expect(await ask(request)).toMatchObject({ type: 'error', code: 'bootstrapping' });
    expect(ours.replica.tree.size).toBe(0);
  });

  it('hellos, live commits, wants and the rest are answered as ever [W7]', async () => {
    expect((await ask(hello())).type).toBe('hello');
    expect(await ask(push(true))).toEqual({ type: 'pushed', verdicts: ['held'] });
    expect(await ask(want(hashOf('a')))).toEqual({ type: 'entries', answered: 1, fragments: [] });
    expect((await ask(attest)).type).toBe('attested');
    expect(await ask(snapshot)).toMatchObject({ code: 'no-snapshot' });
  });
});
