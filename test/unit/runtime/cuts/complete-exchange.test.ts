import { beforeEach, describe, expect, it } from 'vitest';
import type { Author, Bytes } from '../../../../src/core/types/index.ts';
import { decodeSync, encodeSync, type SyncMessage } from '../../../../src/core/wire/index.ts';
import { type CompleteExchange, createCompleteExchange } from '../../../../src/runtime/cuts/complete-exchange.ts';
import { createPeerTable, type PeerTable } from '../../../../src/runtime/peers/peers.ts';
import type { Link } from '../../../../src/runtime/transport/link.ts';
import { createAuthor, createHandClock, createRandom, EPOCH_MS, type HandClock, log, until } from '../support.ts';
import { authorsOf, createParty, gossip, type Party, PERIOD_MS, SETTLE_MS } from './support.ts';

const TRUSTED = authorsOf(1, 2);

interface Side extends Party {
  readonly exchange: CompleteExchange;
  readonly peers: PeerTable;
  /** What it asked, in order. */
  readonly asked: SyncMessage[];
  link: Link | undefined;
}

let clock: HandClock;
let one: Side;
let two: Side;
let away: Side;

async function openSide(id: number): Promise<Side> {
  const party = await createParty(id, clock, TRUSTED);
  const peers = createPeerTable(clock);
  const asked: SyncMessage[] = [];
  const exchange = createCompleteExchange({
    clock,
    random: createRandom(),
    log,
    complete: party.complete,
    peers,
    members: { has: () => true },
    linkTo: () =>
      side.link === undefined
        ? undefined
        : {
            lung: 'http',
            link: (message) => {
              asked.push(decodeSync(message));
              return (side.link as Link)(message);
            },
          },
    periodMs: PERIOD_MS,
    heartbeatMs: 1_000,
    graceMs: 600_000,
  });
  const side: Side = { ...party, cuts: party.cuts, exchange, peers, asked, link: undefined };
  return side;
}

/** The side hears `other`, and reaches it. */
function meet(side: Side, other: Side): void {
  const { author, head } = createAuthor(other === away ? 3 : other === one ? 1 : 2);
  side.peers.hear(side.peers.ensure(author) ?? expect.fail(), head({ wallMs: clock.now() }), 'http', true);
  side.link = (message) => answer(other, side.self.author, message);
}

async function answer(side: Side, from: Author, message: Bytes): Promise<Bytes> {
  const asked = decodeSync(message);
  if (asked.type !== 'complete') throw new Error(`not expected: ${asked.type}`);
  return encodeSync(await side.exchange.onComplete(from, asked.certificate));
}

const cutAt = (n: number): number => EPOCH_MS + n * PERIOD_MS;
const newestOf = (side: Side): number | undefined => side.complete.newest()?.at;

beforeEach(async () => {
  clock = createHandClock();
  [one, two, away] = [await openSide(1), await openSide(2), await openSide(3)];
  await clock.advance(cutAt(1) + SETTLE_MS + 300 - clock.now());
  await gossip([one, two]);
  await until('it is complete', () => newestOf(one) === cutAt(1) && newestOf(two) === cutAt(1));
});

describe('a member that was away', () => {
  it('is told the newest complete cut as soon as it hears somebody who knows it [FL3]', async () => {
    meet(away, one);
    away.exchange.start();
    await clock.advance(600);
    await until('it knows', () => newestOf(away) === cutAt(1));
    expect(away.complete.newest()?.certificate).toEqual(one.complete.newest()?.certificate);
  });

  it('is told by the question of somebody who knows more, too [FL3]', async () => {
    meet(one, away);
    one.exchange.start();
    await clock.advance(600);
    await until('it knows', () => newestOf(away) === cutAt(1));
  });
});

describe('members that know the same', () => {
  it('tell each other nothing, and ask twice a minute, or six times while no cut becomes complete [FL3]', async () => {
    meet(one, two);
    one.exchange.start();
    await clock.advance(600);
    await until('it has asked', () => one.asked.length === 1);
    const told = two.complete.newest()?.certificate ?? expect.fail();
    expect(await two.exchange.onComplete(one.self.author, told)).toEqual({
      type: 'completed',
      certificate: new Uint8Array(0),
    });
    // For as long as cuts follow each other, it rests.
    for (let n = 2; n <= 4; n++) {
      await clock.advance(cutAt(n) + SETTLE_MS + 300 - clock.now());
      await gossip([one, two]);
      await until('it is complete', () => newestOf(one) === cutAt(n));
    }
    expect(one.asked.length).toBeLessThanOrEqual(2);
    const before = one.asked.length;
    two.cuts.stop();
    await clock.advance(90_000);
    expect(one.asked.length - before).toBeGreaterThanOrEqual(5);
    expect(one.asked.length - before).toBeLessThanOrEqual(10);
  });

  it('leave one alone for a minute that does not know the question [FL3]', async () => {
    meet(one, two);
    one.link = async () => encodeSync({ type: 'error', code: 'unknown-version', message: 'sync message of type 25' });
    one.exchange.start();
    await clock.advance(30_000);
    expect(one.asked).toHaveLength(1);
    await clock.advance(35_000);
    expect(one.asked).toHaveLength(2);
  });
});
