import { beforeEach, expect, it } from 'vitest';
import { changeHash, encodeNotice, type Notice, signStatement } from '../../../../src/core/roster/index.ts';
import { type Bytes, bytesToHex } from '../../../../src/core/types/index.ts';
import {
  decodeSync,
  encodeSync,
  NOTICE_ID_BYTES,
  type RosterNews,
  type SyncMessage,
} from '../../../../src/core/wire/index.ts';
import { createExchange, type Exchange } from '../../../../src/runtime/membership/exchange.ts';
import { createPeerTable } from '../../../../src/runtime/peers/peers.ts';
import {
  createAuthor,
  createHandClock,
  createRandom,
  type HandClock,
  hasher,
  log,
  NETWORK,
  until,
} from '../support.ts';
import { authorOf, createTestFleet, type Party } from './support.ts';

const partner = createAuthor(2);
const EVIDENCE: Notice = { kind: 'evidence', shows: 'two-votes', statements: [Uint8Array.of(1), Uint8Array.of(2)] };

let clock: HandClock;
let party: Party;
let exchange: Exchange;
/** What the partner was asked, and who has told all it knows. */
let asked: RosterNews[];
let toldAll: string[];
/** What the partner answers. */
let answer: (news: RosterNews) => Promise<RosterNews>;

beforeEach(async () => {
  clock = createHandClock();
  const fleet = await createTestFleet(clock, [1, 2, 3]);
  party = fleet.parties.find(({ id }) => id === 1) ?? expect.fail();
  asked = [];
  toldAll = [];
  const peers = createPeerTable(clock);
  peers.hear(peers.ensure(partner.author) ?? expect.fail(), partner.head({ wallMs: clock.now() }), 'http', true);
  exchange = createExchange({
    clock,
    random: createRandom(),
    log,
    hasher,
    roster: party.roster,
    peers,
    members: { has: () => true },
    linkTo: () => ({ lung: 'http', link }),
    p2p: { publish: () => undefined },
    streamsToUs: () => false,
    streams: { publishTo: () => undefined, streamsTo: () => false },
    mode: () => 'http',
    membership: () => party.membership,
    doubt: { heard: () => undefined, heardAllOf: (author) => void toldAll.push(author) },
    attestedBy: () => undefined,
    evidence: () => [EVIDENCE],
    heartbeatMs: 1_000,
    graceMs: 600_000,
  });
});

async function link(message: Bytes): Promise<Bytes> {
  const news = decodeSync(message);
  if (news.type !== 'news') throw new Error(`not expected: ${news.type}`);
  asked.push(news);
  return encodeSync(await answer(news));
}

const reply = (notices: readonly Bytes[] = []): RosterNews => ({
  type: 'newsback',
  epoch: 0,
  roster: party.roster.hash,
  has: notices.map((bytes) => hasher.hash(bytes).slice(0, NOTICE_ID_BYTES)),
  notices,
});

const evidenceIn = (news: SyncMessage): number =>
  'notices' in news
    ? news.notices.filter((bytes) => bytesToHex(bytes) === bytesToHex(encodeNotice(EVIDENCE))).length
    : 0;

it('a member that keeps what this node refuses has told all it knows once that was looked at [RO7, RO11]', async () => {
  const change = {
    network: NETWORK,
    nonce: new Uint8Array(16),
    action: { kind: 'add', author: authorOf(9), name: '', role: 'mirror' },
  } as const;
  const { author, sign } = createAuthor(8);
  const word = { kind: 'approval', network: NETWORK, author, change: changeHash(change, hasher), expires: 1 } as const;
  const refused = encodeNotice({ kind: 'approval', change, signed: signStatement(word, sign) });
  answer = () => Promise.resolve({ ...reply([refused]), notices: [] });
  exchange.start();
  await clock.advance(300);
  await until('it has asked', () => asked.length > 0);
  expect(toldAll).toEqual([]);
  answer = () => Promise.resolve(reply([refused]));
  await clock.advance(5_000);
  await until('it has told', () => toldAll.length > 0);
  expect(toldAll[0]).toBe(partner.author);
});

it('evidence is given until an answer shows that it has arrived, and with three answers [EV5]', async () => {
  answer = () => Promise.reject(new Error('lost on the way'));
  exchange.start();
  await clock.advance(300);
  await until('it has asked', () => asked.length === 1);
  answer = () => Promise.resolve(reply());
  await clock.advance(20_000);
  await until('it has asked again', () => asked.length > 3);
  expect(asked.slice(0, 4).map(evidenceIn)).toEqual([1, 1, 0, 0]);
  exchange.stop();
});

it('a member that asks and cannot be asked gets evidence with three answers [EV5]', async () => {
  const news: RosterNews = { ...reply(), type: 'news' };
  const answers: SyncMessage[] = [];
  for (let i = 0; i < 5; i++) answers.push(await exchange.onNews(partner.author, news, 'http'));
  expect(answers.map(evidenceIn)).toEqual([1, 1, 1, 0, 0]);
});
