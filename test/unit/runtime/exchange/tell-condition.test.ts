import { beforeEach, describe, expect, it } from 'vitest';
import { type Author, LatticeError } from '../../../../src/core/types/index.ts';
import { decodeSync, encodeSync, type Hello } from '../../../../src/core/wire/index.ts';
import { createTellCondition } from '../../../../src/runtime/exchange/tell-condition.ts';
import { ask, type Link } from '../../../../src/runtime/transport/link.ts';
import { createAuthor, createHandClock, type HandClock, log, until } from '../support.ts';
import { openSide, type Side } from './support.ts';

const US = createAuthor(1).author;
const THEM = createAuthor(2).author;
const FULL = { serves: true, readOnly: ['disk'] };

let clock: HandClock;
let ours: Side;
let theirs: Side;
let link: Link | undefined;
let said: number;

beforeEach(async () => {
  clock = createHandClock();
  ours = await openSide({ id: 1, clock, trusted: [THEM] });
  theirs = await openSide({ id: 2, clock, trusted: [US] });
  said = 0;
  link = (message) => {
    said++;
    return theirs.responder.answer(US, message, 'p2p');
  };
  const { peers, members, own, intake } = ours;
  createTellCondition({
    clock,
    log,
    about: () => ours.about,
    peers,
    members,
    linkTo: () => (link === undefined ? undefined : { lung: 'p2p', link }),
    hello: own.hello,
    intake,
  }).start();
});

const seen = (of: Side, author: Author) => of.peers.get(author)?.view.condition;
const change = (condition = FULL): void => {
  ours.about = { ...ours.about, condition };
};

describe('a change of the own condition', () => {
  it('is told to a member within a second, once, and the answer tells its condition [S16]', async () => {
    theirs.about = { name: 'oslo', condition: { serves: false, readOnly: [] } };
    await clock.advance(5_000);
    expect(said).toBe(0);
    change();
    await clock.advance(1_000);
    await until('they know', () => seen(theirs, US) !== undefined);
    expect(seen(theirs, US)).toMatchObject(FULL);
    await until('we know', () => seen(ours, THEM)?.serves === false);
    await clock.advance(5_000);
    expect(said).toBe(1);
  });

  it('is told again until it has arrived, at most once a second, and by no lung that there is not [S16]', async () => {
    const whole = link;
    let tries = 0;
    link = () => {
      tries++;
      return Promise.reject(new Error('connection reset'));
    };
    change();
    await clock.advance(4_000);
    expect(tries).toBeGreaterThanOrEqual(3);
    expect(tries).toBeLessThanOrEqual(4);
    link = undefined;
    await clock.advance(4_000);
    link = whole;
    await clock.advance(1_000);
    await until('they know', () => seen(theirs, US)?.readOnly.length === 1);
    expect(said).toBe(1);
  });

  it('is not told again to one that takes no hello of ours [S16]', async () => {
    let tries = 0;
    link = async () => {
      tries++;
      return encodeSync({ type: 'error', code: 'not-a-member', message: 'no' });
    };
    change();
    await clock.advance(5_000);
    expect(tries).toBe(1);
  });

  it('that is over before it is looked at is not told [S16]', async () => {
    change();
    change({ serves: true, readOnly: [] });
    await clock.advance(5_000);
    expect(said).toBe(0);
  });
});

describe('a node of an earlier version', () => {
  it('gets the shorter forms of a hello one after the other once it has refused the longer ones [S2, EX4]', async () => {
    ours.about = { ...ours.about, reads: 2 };
    const lengths: number[] = [];
    const lengthOf = ({ about }: Hello): number => (about === undefined ? 5 : about.reads === undefined ? 7 : 8);
    const older: Link = async (message) => {
      const hello = decodeSync(message);
      if (hello.type === 'hello') lengths.push(lengthOf(hello));
      return hello.type === 'hello' && hello.about === undefined
        ? theirs.responder.answer(US, message, 'http')
        : encodeSync({ type: 'error', code: 'malformed', message: 'sync message of type 1 has 7 elements, not 5' });
    };
    expect(await ask(older, ours.own.hello(THEM))).toMatchObject({ type: 'hello' });
    expect(lengths).toEqual([8, 7, 5]);
  });

  it('is not asked a third time when it refuses that one, too', async () => {
    let asked = 0;
    const refuses: Link = async () => {
      asked++;
      return encodeSync({ type: 'error', code: 'malformed', message: 'no' });
    };
    await expect(ask(refuses, ours.own.hello(THEM))).rejects.toThrow(LatticeError);
    expect(asked).toBe(2);
  });
});
