import { beforeEach, describe, expect, it } from 'vitest';
import { type Author, bytesToHex } from '../../../../src/core/types/index.ts';
import { decodeSync, encodeSync } from '../../../../src/core/wire/index.ts';
import { createGreeting } from '../../../../src/runtime/exchange/greet.ts';
import type { P2pNodeHandlers, P2pSupervisor } from '../../../../src/runtime/transport/lung-p2p.ts';
import { createAuthor, createHandClock, type HandClock, put, until } from '../support.ts';
import { openSide, type Side } from './support.ts';

const US = createAuthor(1).author;
const THEM = createAuthor(2).author;
const stranger = createAuthor(9);

let clock: HandClock;
let ours: Side;
let theirs: Side;
let greeting: Pick<P2pNodeHandlers, 'onConnected' | 'onDisconnected'>;
let request: P2pSupervisor['request'];
/** What was said, when, to whom, with which head, and how long it may take. */
let said: { readonly at: number; readonly to: Author; readonly head: number; readonly timeoutMs: number }[];
/** Greetings whose failure was logged. */
let failed: number;

beforeEach(async () => {
  clock = createHandClock();
  ours = await openSide({ id: 1, clock, trusted: [THEM] });
  theirs = await openSide({ id: 2, clock, trusted: [US] });
  request = (_, message) => theirs.responder.answer(US, message, 'p2p');
  said = [];
  failed = 0;
  const { peers, members, own, intake } = ours;
  greeting = createGreeting({
    clock,
    log: {
      debug: () => void failed++,
      info: () => undefined,
      warn: () => undefined,
      error: () => undefined,
      child() {
        return this;
      },
    },
    peers,
    members,
    p2p: {
      request(author, message, timeoutMs) {
        const hello = decodeSync(message);
        if (hello.type !== 'hello') throw new Error(`${hello.type} is no greeting`);
        said.push({ at: clock.monotonic(), to: author, head: hello.head.head.sequence, timeoutMs });
        return request(author, message, timeoutMs);
      },
    },
    hello: own.hello,
    intake,
  });
});

const linkOf = (author: Author) => ours.peers.get(author)?.link;
const broken = (): Promise<never> => Promise.reject(new Error('connection reset'));

describe('a member that P2P connects', () => {
  it('is greeted: each hears of the other at once [S2]', async () => {
    await theirs.writer.write(put('theirs', 1));
    greeting.onConnected(THEM);
    await until('the greeting is answered', () => ours.peers.get(THEM)?.view.head !== undefined);
    expect(linkOf(THEM)?.connected).toBe(true);
    const [there, here] = [ours.peers.get(THEM)?.view, theirs.peers.get(US)?.view];
    expect([there?.software, here?.software]).toEqual(['1.0.2', '1.0.1']);
    expect([there?.heardAt, here?.heardAt]).toEqual([
      { p2p: 0, http: undefined },
      { p2p: 0, http: undefined },
    ]);
    expect(bytesToHex(there?.head?.root ?? new Uint8Array(0))).toBe(theirs.own.root());
    await clock.advance(60_000);
    expect(said).toEqual([{ at: 0, to: THEM, head: 1, timeoutMs: 10_000 }]);
    expect(failed).toBe(0);
  });

  it.each<readonly [what: string, answer: () => P2pSupervisor['request']]>([
    ['that does not answer', () => broken],
    ['that refuses', () => async () => encodeSync({ type: 'error', code: 'overloaded', message: 'come back' })],
    [
      'that answers with the head of another',
      () => async () =>
        encodeSync({ type: 'hello', software: '1.0.0', head: stranger.head(), yourHlc: ours.own.seen(US) }),
    ],
  ])('%s is greeted once more after a second, with a fresh head, and then no more', async (_, answer) => {
    request = answer();
    greeting.onConnected(THEM);
    await clock.advance(60_000);
    expect(said.map(({ at, head }) => [at, head])).toEqual([
      [0, 1],
      [1_000, 2],
    ]);
    expect(failed).toBe(1);
    expect(ours.peers.get(THEM)?.view.head).toBeUndefined();
  });

  it('is heard by the second greeting where the first was lost', async () => {
    const answered = request;
    request = () => {
      request = answered;
      return broken();
    };
    greeting.onConnected(THEM);
    await clock.advance(1_000);
    await until('the greeting is answered', () => ours.peers.get(THEM)?.view.head !== undefined);
  });

  it('is not greeted again once it has gone', async () => {
    request = async () => {
      greeting.onDisconnected(THEM);
      return broken();
    };
    greeting.onConnected(THEM);
    await clock.advance(60_000);
    expect(said).toHaveLength(1);
    expect(linkOf(THEM)?.connected).toBe(false);
  });

  it('that answers with something else is left alone', async () => {
    request = async () => encodeSync({ type: 'pushed', verdicts: ['held'] });
    greeting.onConnected(THEM);
    await clock.advance(60_000);
    expect([said.length, failed, ours.peers.get(THEM)?.view.head]).toEqual([1, 0, undefined]);
  });
});

describe('whoever is no member', () => {
  it('is noted as connected, and not spoken to [S9]', async () => {
    greeting.onConnected(stranger.author);
    await clock.advance(10_000);
    expect([linkOf(stranger.author)?.connected, said]).toEqual([true, []]);
    greeting.onDisconnected(stranger.author);
    expect(linkOf(stranger.author)?.connected).toBe(false);
  });

  it('and for whom the table has no room is nothing, nor when it leaves [L2]', async () => {
    for (let i = 0; i < 511; i++) ours.peers.ensure(i.toString(16).padStart(64, '0') as Author);
    greeting.onConnected(stranger.author);
    greeting.onDisconnected(stranger.author);
    await clock.advance(10_000);
    expect([ours.peers.get(stranger.author), said]).toEqual([undefined, []]);
  });
});
