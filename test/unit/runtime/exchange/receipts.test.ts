import { setTimeout as pause } from 'node:timers/promises';
import { beforeEach, describe, expect, it } from 'vitest';
import { hlcToHex } from '../../../../src/core/clock/index.ts';
import { type Author, equalBytes, type Fragment, type Hlc } from '../../../../src/core/types/index.ts';
import {
  type AwaitedCommit,
  decodeSync,
  encodeSync,
  keyHash,
  MAX_AWAITED,
  receiptSigningBytes,
  type SyncMessage,
} from '../../../../src/core/wire/index.ts';
import type { Applied } from '../../../../src/runtime/commit/applied.ts';
import { type AwaitServer, createAwaitServer } from '../../../../src/runtime/exchange/await-server.ts';
import { createReceipts } from '../../../../src/runtime/exchange/receipts.ts';
import { createReplicas, type Replicas } from '../../../../src/runtime/exchange/replicas.ts';
import type { ReceiptService, ReceiptView, ReceiptWish, WrittenCommit } from '../../../../src/runtime/facade/index.ts';
import { createRoster, type RosterOwner } from '../../../../src/runtime/fleet/roster.ts';
import { createPeerTable } from '../../../../src/runtime/peers/peers.ts';
import { authorsOf, createParty, gossip, type Party, PERIOD_MS, SETTLE_MS } from '../cuts/support.ts';
import {
  createAuthor,
  createHandClock,
  EPOCH_MS,
  FOUND,
  type HandClock,
  hasher,
  log,
  metrics,
  NETWORK,
  openTestState,
  put,
  type TestState,
  turns,
  until,
  verifier,
} from '../support.ts';

const TRUSTED = authorsOf(1, 2, 3);
const US = createAuthor(1);
const HASH_OF_A = keyHash('a', hasher);

interface Other {
  readonly author: Author;
  readonly state: TestState;
  readonly server: AwaitServer;
  signs: boolean;
  /** How often the server has read keys from the store. */
  reads: number;
}

let clock: HandClock;
let roster: RosterOwner;

beforeEach(() => {
  clock = createHandClock();
  roster = createRoster(TRUSTED, US.author, hasher);
});

async function openOther(id: number): Promise<Other> {
  const told: { server?: AwaitServer } = {};
  const state = await openTestState({
    id,
    clock,
    onApplied: (applied) => told.server?.applied(applied),
    onUnchanged: (applied) => told.server?.applied(applied),
  });
  const server = createAwaitServer({
    ...state,
    entries: {
      many(keys, read) {
        other.reads++;
        return state.entries.many(keys, read);
      },
    },
    network: NETWORK,
    signer: state.self,
    signs: () => other.signs,
  });
  told.server = server;
  const other: Other = { author: state.self.author, state, server, signs: true, reads: 0 };
  return other;
}

/** Waits at a place of its own. */
const waitFor = (receipts: ReceiptService, written: WrittenCommit, wish: ReceiptWish, signal?: AbortSignal) =>
  receipts.reserve(wish).wait(written, signal);

/** Lets time pass until the promise has come to its end. */
async function passing<T>(promise: Promise<T>): Promise<T> {
  const done = { over: false };
  const end = (): void => void (done.over = true);
  void promise.then(end, end);
  for (let n = 0; n < 2_000 && !done.over; n++) {
    await clock.advance(100);
    await pause(1);
  }
  return promise;
}

const awaited = ({ idBytes, header, operations }: Fragment): AwaitedCommit => ({
  commit: idBytes,
  author: header.author,
  hlc: header.hlc,
  keyHashes: operations
    .map(({ operation }) => keyHash(operation.key, hasher))
    .sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))),
});

describe('the answer to who waits for commits', () => {
  let two: Other;
  beforeEach(async () => {
    two = await openOther(2);
  });
  const ask = (commits: readonly AwaitedCommit[], waitMs = 500) =>
    two.server.onAwait(US.author, { type: 'await', waitMs, commits });

  it('comes once a commit is durable and not before, signed over what it says [RC2]', async () => {
    const fragment = US.commit({ a: 1, b: 2 });
    const commit = awaited(fragment);
    let seen: Awaited<ReturnType<typeof ask>> | undefined;
    const answer = ask([commit]).then((came) => (seen = came));
    two.state.store.hold();
    const applying = two.state.writer.apply(fragment, FOUND);
    await until('the batch waits for the disk', () => two.state.store.held.length === 1);
    expect(seen).toBeUndefined();
    two.state.store.open();
    await applying;
    const { receipts } = await answer;
    // One that comes while nothing is on its way to the disk is answered at once too.
    const next = US.commit({ d: 1 });
    const waiting = ask([awaited(next)]);
    await turns(20);
    await two.state.writer.apply(next, FOUND);
    expect((await waiting).receipts).toHaveLength(1);
    expect(receipts.map((one) => one.commit)).toEqual([commit.commit]);
    const { signature } = receipts[0] ?? expect.fail();
    expect(await verifier.verify(two.author, receiptSigningBytes(NETWORK, two.author, commit), signature)).toBe(true);
    const more = receiptSigningBytes(NETWORK, two.author, { ...commit, keyHashes: [keyHash('c', hasher)] });
    expect(await verifier.verify(two.author, more, signature)).toBe(false);
  });

  it('is empty when the time is over, and where not every key of the commit is there [RC2]', async () => {
    const whole = US.commit({ a: 1, b: 2 });
    const part = US.commit({ a: 1 });
    await two.state.writer.apply(part, FOUND);
    expect(await passing(ask([awaited(whole)]))).toEqual({ type: 'awaited', receipts: [] });
    const lacking = { ...awaited(part), keyHashes: [keyHash('a', hasher), keyHash('z', hasher)] };
    lacking.keyHashes.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    expect(await ask([lacking], 0)).toEqual({ type: 'awaited', receipts: [] });
  });

  it('is looked for once in 50 ms at most, however often the state changes meanwhile [RC2]', async () => {
    const fragment = US.commit({ a: 1 });
    const answer = ask([awaited(fragment)]);
    for (let n = 0; n < 50; n++) {
      await turns(3);
      two.server.applied({ taken: [], amended: true } as unknown as Applied);
    }
    await turns(20);
    // Once at first, and once more for the first change.
    expect(two.reads).toBe(2);
    await two.state.writer.apply(fragment, FOUND);
    await turns(20);
    expect(two.reads).toBe(2);
    await clock.advance(50);
    expect((await answer).receipts).toHaveLength(1);
  });

  it('counts what supersedes the commit, and not another commit of the same author and time [RC2]', async () => {
    const first = US.commit({ a: 1 });
    const later = createAuthor(3).commit(
      { a: 2 },
      { ms: EPOCH_MS + 1, context: [{ author: US.author, hlc: first.header.hlc }] },
    );
    await two.state.writer.apply(later, FOUND);
    expect((await ask([awaited(first)], 0)).receipts).toHaveLength(1);
    // Two commits of one key and time contradict each other.
    const [mine, twins] = [createAuthor(1).commit({ b: 1 }), createAuthor(1).commit({ b: 2 })];
    expect([mine.header.hlc, mine.id === twins.id]).toEqual([twins.header.hlc, false]);
    await two.state.writer.apply(twins, FOUND);
    expect((await ask([awaited(mine)], 0)).receipts).toHaveLength(0);
    expect((await ask([awaited(twins)], 0)).receipts).toHaveLength(1);
  });

  it('waits for one question of a peer at a time, and a node that is no writer signs nothing [RC2]', async () => {
    const commit = awaited(US.commit({ a: 1 }));
    const first = ask([commit]);
    expect(await ask([commit])).toEqual({ type: 'awaited', receipts: [] });
    expect(await passing(first)).toEqual({ type: 'awaited', receipts: [] });
    const fragment = US.commit({ b: 1 });
    await two.state.writer.apply(fragment, FOUND);
    two.signs = false;
    expect((await ask([awaited(fragment)], 0)).receipts).toEqual([]);
  });
});

describe('a write that waits for other writers', () => {
  let two: Other;
  let three: Other;
  let asked: { readonly of: Author; readonly message: SyncMessage }[];
  let answers: Map<Author, ((message: SyncMessage) => Promise<SyncMessage>) | undefined>;
  let replicas: Replicas;
  let receipts: ReceiptService & { stop(): void };

  beforeEach(async () => {
    [two, three] = [await openOther(2), await openOther(3)];
    asked = [];
    answers = new Map(
      [two, three].map((other) => [
        other.author,
        (message) => {
          if (message.type !== 'await') throw new Error(`not expected: ${message.type}`);
          return other.server.onAwait(US.author, message);
        },
      ]),
    );
    const peers = createPeerTable(clock);
    for (const { author } of [two, three]) peers.ensure(author);
    replicas = createReplicas({
      network: NETWORK,
      self: US.author,
      roster,
      peers,
      linkTo: ({ author }) => {
        const answer = answers.get(author);
        if (answer === undefined) return undefined;
        return {
          lung: 'http',
          link: async (bytes) => {
            const message = decodeSync(bytes);
            asked.push({ of: author, message });
            return encodeSync(await answer(message));
          },
        };
      },
      verifier,
      clock,
      log,
    });
    receipts = createReceipts({
      self: US.author,
      hasher,
      roster,
      replicas,
      book: { certifiedAt: () => undefined, onAdded: () => () => undefined },
      complete: { newest: () => undefined, onNewer: () => () => undefined },
      labelOf: (author) => (author === two.author ? 'lima' : 'rome'),
      clock,
      metrics,
    });
  });

  const writtenOf = (fragment: Fragment): WrittenCommit => ({
    commit: fragment.id,
    hlc: hlcToHex(fragment.header.hlc),
    keys: fragment.operations.map(({ operation }) => operation.key),
  });
  const labels = (nodes: readonly { readonly label: string }[] | undefined) => nodes?.map(({ label }) => label);

  it('is met once so many have signed, without waiting for more [RC1]', async () => {
    const fragment = US.commit({ a: 1 });
    const receipt = waitFor(receipts, writtenOf(fragment), { replicas: 1 });
    await two.state.writer.apply(fragment, FOUND);
    const { met, replicas: copies } = await receipt;
    expect([met, copies?.wanted, labels(copies?.signed), labels(copies?.missing)]).toEqual([
      true,
      1,
      ['lima'],
      ['rome'],
    ]);
  });

  it('tells after its time how many and who, and asks no longer [RC1, RC3]', async () => {
    const fragment = US.commit({ a: 1 });
    answers.set(three.author, undefined);
    let came: ReceiptView | undefined;
    void waitFor(receipts, writtenOf(fragment), { replicas: 2, timeoutMs: 2_000 }).then((receipt) => (came = receipt));
    await two.state.writer.apply(fragment, FOUND);
    expect(await waitFor(receipts, writtenOf(fragment), { replicas: 1 })).toMatchObject({ met: true });
    await clock.advance(1_999);
    expect(came).toBeUndefined();
    await clock.advance(1);
    await until('its time is over', () => came !== undefined);
    expect([came?.met, labels(came?.replicas?.signed), labels(came?.replicas?.missing)]).toEqual([
      false,
      ['lima'],
      ['rome'],
    ]);
    const before = asked.length;
    await clock.advance(5_000);
    expect(asked).toHaveLength(before);
  });

  it('finds a writer that a lung reaches later only [RC3]', async () => {
    const fragment = US.commit({ a: 1 });
    const answer = answers.get(two.author);
    answers.set(two.author, undefined);
    answers.set(three.author, undefined);
    // Signatures are made and verified by other threads, for which this clock does not wait.
    const receipt = waitFor(receipts, writtenOf(fragment), { replicas: 1, timeoutMs: 60_000 });
    await two.state.writer.apply(fragment, FOUND);
    await clock.advance(1_000);
    answers.set(two.author, answer);
    expect(await passing(receipt)).toMatchObject({ met: true });
  });

  it('counts no receipt whose signature is another one, and asks for all commits in one question [RC2, RC3]', async () => {
    const [one, other] = [US.commit({ a: 1 }), US.commit({ b: 1 })];
    const forge = async (message: SyncMessage): Promise<SyncMessage> => {
      if (message.type !== 'await') throw new Error('not expected');
      // Three's signature in the place of two's.
      return three.server.onAwait(US.author, { ...message, waitMs: 0 });
    };
    for (const fragment of [one, other]) await three.state.writer.apply(fragment, FOUND);
    answers.set(two.author, forge);
    answers.set(three.author, undefined);
    const both = [one, other].map((fragment) =>
      waitFor(receipts, writtenOf(fragment), { replicas: 1, timeoutMs: 30_000 }),
    );
    for (const receipt of both) expect(await passing(receipt)).toMatchObject({ met: false, replicas: { signed: [] } });
    const last = asked.at(-1)?.message;
    expect(last?.type === 'await' && last.commits.length).toBe(2);
  });

  const questionsTo = (other: Other) =>
    asked.flatMap(({ of, message }) => (of === other.author && message.type === 'await' ? [message] : []));
  const emptyAnswer: SyncMessage = { type: 'awaited', receipts: [] };

  it('counts a receipt for the keys that were asked about, where writes share a commit [RC2, RC3]', async () => {
    const fragment = US.commit({ a: 1, b: 2 });
    const parts = ['a', 'b'].map((key): WrittenCommit => ({ ...writtenOf(fragment), keys: [key] }));
    // Two signs for the key a alone, whatever else it is asked about.
    answers.set(two.author, async (message) => {
      if (message.type !== 'await') throw new Error('not expected');
      const receipts = message.commits
        .filter(({ keyHashes }) => keyHashes.length === 1 && equalBytes(keyHashes[0] ?? keyHash('', hasher), HASH_OF_A))
        .map((one) => ({
          commit: one.commit,
          signature: two.state.self.sign(receiptSigningBytes(NETWORK, two.author, one)),
        }));
      return { type: 'awaited', receipts };
    });
    answers.set(three.author, undefined);
    const both = parts.map((written) => waitFor(receipts, written, { replicas: 1, timeoutMs: 10_000 }));
    expect(await passing(Promise.all(both))).toMatchObject([{ met: true }, { met: false }]);
    for (const { commits } of questionsTo(two)) expect(commits).toHaveLength(1);
  });

  it('asks by one statement for all writes of a commit, and for each alone where that is not signed [RC3]', async () => {
    const keys = Array.from({ length: 40 }, (_, i) => `k${i}`);
    const fragment = US.commit(Object.fromEntries(keys.map((key) => [key, 1])));
    answers.set(three.author, undefined);
    const waits = keys.map((key) => waitFor(receipts, { ...writtenOf(fragment), keys: [key] }, { replicas: 1 }));
    await two.state.writer.apply(fragment, FOUND);
    for (const view of await passing(Promise.all(waits))) expect(view.met).toBe(true);
    expect(questionsTo(two).length).toBeLessThan(6);
    // Nobody can sign for the key that the commit does not have.
    const [good, bad] = ['k0', 'other'].map((key) =>
      waitFor(receipts, { ...writtenOf(fragment), keys: [key] }, { replicas: 1, timeoutMs: 10_000 }),
    );
    expect(await passing(Promise.all([bad, good]))).toMatchObject([{ met: false }, { met: true }]);
  });

  it('rests where an answer brings nothing new, whatever stands in it [RC3]', async () => {
    const stray = { commit: US.commit({ z: 1 }).idBytes, signature: new Uint8Array(64) };
    answers.set(two.author, async () => {
      // Who asks without a rest would ask for ever.
      if (questionsTo(two).length > 100) answers.set(two.author, undefined);
      return { type: 'awaited', receipts: [stray] };
    });
    answers.set(three.author, undefined);
    const receipt = waitFor(receipts, writtenOf(US.commit({ a: 1 })), { replicas: 1, timeoutMs: 5_000 });
    await turns(200);
    expect(questionsTo(two)).toHaveLength(1);
    expect(await passing(receipt)).toMatchObject({ met: false });
    expect(questionsTo(two).length).toBeLessThan(25);
  });

  it('asks after what it asked after longest ago, so what is never signed holds up nothing newer [RC3]', async () => {
    answers.set(three.author, undefined);
    const never = Array.from({ length: MAX_AWAITED + 6 }, (_, i) => US.commit({ [`never${i}`]: 1 }));
    const hopeless = never.map((fragment) =>
      waitFor(receipts, writtenOf(fragment), { replicas: 1, timeoutMs: 60_000 }).catch(() => undefined),
    );
    const fragment = US.commit({ newer: 1 });
    await two.state.writer.apply(fragment, FOUND);
    expect(await passing(waitFor(receipts, writtenOf(fragment), { replicas: 1, timeoutMs: 20_000 }))).toMatchObject({
      met: true,
    });
    receipts.stop();
    await Promise.all(hopeless);
  });

  it('names 1,024 keys in a question at most, and the others in the next [RC2, RC3]', async () => {
    answers.set(three.author, undefined);
    const answer = answers.get(two.author) ?? expect.fail();
    answers.set(two.author, async () => emptyAnswer);
    const fragments = Array.from({ length: 6 }, (_, i) =>
      US.commit(Object.fromEntries(Array.from({ length: 250 }, (_, j) => [`${i}/${j}`, 1]))),
    );
    const waits = fragments.map((one) => waitFor(receipts, writtenOf(one), { replicas: 1, timeoutMs: 30_000 }));
    for (const one of fragments) await two.state.writer.apply(one, FOUND);
    answers.set(two.author, answer);
    for (const view of await passing(Promise.all(waits))) expect(view.met).toBe(true);
    const counts = questionsTo(two).map(({ commits }) => commits.length);
    expect(Math.max(...counts)).toBe(4);
  });

  it('leaves one alone for a minute that does not know the question [RC3]', async () => {
    answers.set(two.author, async () => ({ type: 'error', code: 'unknown-version', message: 'type 27' }));
    answers.set(three.author, undefined);
    const receipt = waitFor(receipts, writtenOf(US.commit({ a: 1 })), { replicas: 1, timeoutMs: 30_000 });
    expect(await passing(receipt)).toMatchObject({ met: false });
    expect(asked).toHaveLength(1);
  });

  it('is refused at once for more writers than there are, and for what is no number of them [RC1]', () => {
    receipts.reserve({ replicas: 2, timeoutMs: 60_000 }).end();
    expect(() => receipts.reserve({ replicas: 3 })).toThrow(expect.objectContaining({ code: 'too-many-replicas' }));
    for (const wish of [{ replicas: 0 }, { replicas: 1.5 }, { timeoutMs: 0 }, { timeoutMs: 60_001 }])
      expect(() => receipts.reserve(wish)).toThrow(expect.objectContaining({ code: 'invalid-receipt' }));
    roster.replace([US.author]);
    expect(() => receipts.reserve({ replicas: 1 })).toThrow(expect.objectContaining({ code: 'too-many-replicas' }));
  });

  it('ends with its signal, and with the node [RC1]', async () => {
    const idle = clock.armed;
    const gone = new AbortController();
    const left = waitFor(receipts, writtenOf(US.commit({ a: 1 })), { replicas: 1 }, gone.signal);
    gone.abort(new Error('gone'));
    await expect(left).rejects.toThrow('gone');
    const open = waitFor(receipts, writtenOf(US.commit({ b: 1 })), { replicas: 1 });
    const writing = receipts.reserve({ replicas: 1 });
    receipts.stop();
    expect(await open).toMatchObject({ met: false });
    // What waits only then ends at once, and asks nobody.
    const before = asked.length;
    expect(await writing.wait(writtenOf(US.commit({ c: 1 })))).toMatchObject({ met: false, waitedMs: 0 });
    expect(await waitFor(receipts, writtenOf(US.commit({ d: 1 })), { replicas: 1 })).toMatchObject({ met: false });
    await clock.advance(1_000);
    expect(asked).toHaveLength(before);
    expect(clock.armed).toBe(idle);
  });

  it('has its place from before it is written until its end [RC1]', async () => {
    const places = Array.from({ length: 1_024 }, () => receipts.reserve({ replicas: 1 }));
    expect(() => receipts.reserve({ replicas: 1 })).toThrow(expect.objectContaining({ code: 'overloaded' }));
    places[0]?.end();
    const written = receipts.reserve({ replicas: 1 });
    expect(() => receipts.reserve({ replicas: 1 })).toThrow(expect.objectContaining({ code: 'overloaded' }));
    const fragment = US.commit({ a: 1 });
    await two.state.writer.apply(fragment, FOUND);
    expect(await passing(written.wait(writtenOf(fragment)))).toMatchObject({ met: true });
    receipts.reserve({ replicas: 1 }).end();
    for (const place of places) place.end();
  });
});

describe('a write that waits for cuts', () => {
  it('is met by a certified cut of its own state and by the complete one, of its time or later [RC1]', async () => {
    const parties = (await Promise.all([1, 2, 3].map((id) => createParty(id, clock, TRUSTED)))) as [
      Party,
      Party,
      Party,
    ];
    const [one, two, three] = parties;
    const receipts = createReceipts({
      self: one.self.author,
      hasher,
      roster: one.roster,
      replicas: { follow: () => ({ end: () => undefined }), stop: () => undefined },
      book: one.book,
      complete: one.complete,
      labelOf: (author) => author,
      clock,
      metrics,
    });
    await clock.advance(PERIOD_MS - 1_000);
    const outcome = await one.writer.write(put('key', 1));
    if (!outcome.ok) throw outcome.error;
    const { commit } = outcome;
    const written = { commit: commit.id, hlc: hlcToHex(commit.header.hlc), keys: ['key'] };
    const seen: Record<string, ReceiptView> = {};
    for (const [name, wish] of Object.entries({ certified: { certified: true }, complete: { complete: true } }))
      void waitFor(receipts, written, wish).then((receipt) => (seen[name] = receipt));
    // The second has the write; the third is cut off, so its state is another.
    await two.writer.apply(commit, FOUND);
    await clock.advance(SETTLE_MS + 1_500);
    await gossip(parties);
    // No time passes from the last attestation to the answer.
    await until('it is certified', () => seen['certified'] !== undefined);
    expect(seen['certified']).toMatchObject({ met: true, certified: { at: EPOCH_MS + PERIOD_MS } });
    expect(seen['complete']).toBeUndefined();
    await three.writer.apply(commit, FOUND);
    await clock.advance(PERIOD_MS);
    await gossip(parties);
    await until('it is durable', () => one.complete.newest()?.at === EPOCH_MS + 2 * PERIOD_MS);
    await until('it is complete', () => seen['complete'] !== undefined);
    expect(seen['complete']).toMatchObject({ met: true, complete: { at: EPOCH_MS + 2 * PERIOD_MS } });
    const ahead = { ...written, hlc: hlcToHex(0xffff_ffff_0000_0000n as Hlc) };
    const { met, complete } = await passing(waitFor(receipts, ahead, { complete: true }));
    expect([met, complete]).toEqual([false, {}]);
  });
});
