import { beforeEach, describe, expect, it } from 'vitest';
import type { Author } from '../../../../src/core/types/index.ts';
import { decodeAnnouncement, type SignedAnnouncement, signAnnouncement } from '../../../../src/core/wire/index.ts';
import { authorToPeerId } from '../../../../src/core/wire/peer-id.ts';
import { createRoster, type RosterOwner } from '../../../../src/runtime/fleet/roster.ts';
import type { Announcements, OwnAddresses } from '../../../../src/runtime/membership/announcements.ts';
import { createAnnouncements } from '../../../../src/runtime/membership/announcements.ts';
import { createDialling } from '../../../../src/runtime/membership/dialling.ts';
import { loadMembership } from '../../../../src/runtime/membership/saved.ts';
import type { AnnouncedUrl } from '../../../../src/runtime/transport/lung-http.ts';
import {
  createAuthor,
  createHandClock,
  type HandClock,
  hasher,
  log,
  NETWORK,
  openTestState,
  type TestAuthor,
  type TestState,
  until,
  verifier,
} from '../support.ts';

const member = createAuthor(8);
const stranger = createAuthor(9);

let clock: HandClock;
let state: TestState;
let roster: RosterOwner;
let announcements: Announcements;
let told: SignedAnnouncement[];
let present: OwnAddresses;

const OWN: OwnAddresses = { name: 'one', urls: ['https://one.example'], multiaddrs: [] };

/** A start of the node over the same store. */
async function open(own: OwnAddresses): Promise<void> {
  const { self, store, writer } = state;
  const saved = await loadMembership({ store, hasher, verifier, network: NETWORK, log });
  roster = createRoster([self.author, member.author], self.author, hasher, saved.roster);
  told = [];
  present = own;
  announcements = createAnnouncements({
    network: NETWORK,
    self: self.author,
    own: () => present,
    hasher,
    signer: self,
    verifier,
    clock,
    log,
    roster,
    saved: saved.announcements,
    keep: writer.keep,
    spread: (bytes) => told.push(decodeAnnouncement(bytes)),
    onChange() {},
  });
}

const by = (author: TestAuthor, sequence: number, urls: readonly string[], network = NETWORK): SignedAnnouncement =>
  signAnnouncement({ network, author: author.author, sequence, name: '', urls, multiaddrs: [] }, author.sign);
const hear = ({ bytes }: SignedAnnouncement) => announcements.hear(bytes, 'http', member.author);
const urlsOf = (author: Author): readonly string[] | undefined => announcements.of(author)?.urls;

beforeEach(async () => {
  clock = createHandClock();
  state = await openTestState({ clock });
  await open(OWN);
});

describe('the announcement of a member', () => {
  it('counts when it is newer than the one before, and is kept over a restart [AD2]', async () => {
    expect(await hear(by(member, 5, ['http://five.example']))).toBe('news');
    expect(told).toHaveLength(1);
    // An old one cannot replace a newer one, neither at once nor after a restart.
    expect(await hear(by(member, 5, ['http://other.example']))).toBe('known');
    expect(await hear(by(member, 4, ['http://four.example']))).toBe('known');
    await open(OWN);
    expect(urlsOf(member.author)).toEqual(['http://five.example']);
    expect(await hear(by(member, 4, ['http://four.example']))).toBe('known');
    expect(await hear(by(member, 6, ['http://six.example']))).toBe('news');
    expect(urlsOf(member.author)).toEqual(['http://six.example']);
  });

  it('counts for nothing by a stranger, of another network, or with a bad signature [AD2]', async () => {
    expect(await hear(by(stranger, 1, ['http://x.example']))).toBe('known');
    expect(await hear(by(member, 1, ['http://x.example'], 'other'))).toBe('known');
    const forged = signAnnouncement(
      { network: NETWORK, author: member.author, sequence: 1, name: '', urls: ['http://x.example'], multiaddrs: [] },
      stranger.sign,
    );
    expect(await hear(forged)).toBe('forged');
    expect([urlsOf(member.author), told]).toEqual([undefined, []]);
  });

  it('counts four times in a row and then once a minute, so that nobody floods the fleet or a third party [AD2]', async () => {
    for (let i = 1; i <= 4; i++) expect(await hear(by(member, i, [`http://a${i}.example`]))).toBe('news');
    expect(await hear(by(member, 5, ['http://a5.example']))).toBe('known');
    expect(told).toHaveLength(4);
    await clock.advance(60_000);
    expect(await hear(by(member, 6, ['http://a6.example']))).toBe('news');
    expect(await hear(by(member, 7, ['http://a7.example']))).toBe('known');
  });

  it('goes with the member [AD2]', async () => {
    await hear(by(member, 1, ['http://a.example']));
    announcements.start();
    roster.replace([state.self.author]);
    expect(urlsOf(member.author)).toBeUndefined();
    await until('the row is gone', () => state.store.batches >= 3);
    await open(OWN);
    expect(urlsOf(member.author)).toBeUndefined();
  });
});

describe('what this node announces', () => {
  const own = () => announcements.of(state.self.author);

  it('is told once, and anew only where it has changed [AD2]', async () => {
    announcements.start();
    await until('it is told', () => told.length === 1);
    const first = own();
    expect(first).toMatchObject(OWN);
    await open(OWN);
    announcements.start();
    expect([told, own()]).toEqual([[], first]);
    await open({ ...OWN, urls: ['https://new.example'] });
    announcements.start();
    await until('the change is told', () => told.length === 1);
    expect(own()?.sequence).toBeGreaterThan(first?.sequence ?? Number.POSITIVE_INFINITY);
  });

  it('is told anew while the node runs, once it has changed [AD2, N18]', async () => {
    announcements.start();
    await until('it is told', () => told.length === 1);
    announcements.ownChanged();
    present = { ...OWN, urls: ['https://new.example'] };
    announcements.ownChanged();
    await until('the change is told', () => told.length === 2);
    expect(own()).toMatchObject(present);
    announcements.stop();
  });

  it('becomes later than what an earlier store of its key had said [AD2]', async () => {
    announcements.start();
    await until('it is told', () => told.length === 1);
    const before = by(state.self, (own()?.sequence ?? 0) + 1_000, ['https://before.example']);
    expect(await hear(before)).toBe('news');
    await until('it is told anew', () => told.length === 3);
    expect(own()).toMatchObject({ ...OWN, sequence: before.announcement.sequence + 1 });
  });
});

describe('an announcement that has to wait', () => {
  /** Three later ones of the same key: after the second answer, the third has to wait. */
  async function contradicted(): Promise<void> {
    announcements.start();
    await until('it is told', () => told.length === 1);
    for (let i = 0; i < 2; i++) {
      const { sequence = 0 } = announcements.of(state.self.author) ?? {};
      expect(await hear(by(state.self, sequence + 1_000, ['https://before.example']))).toBe('news');
      if (i === 0) await until('it is told anew', () => told.length === 3);
    }
    expect(urlsOf(state.self.author)).toEqual(['https://before.example']);
  }

  it('is made a minute later, though nothing else happens [AD2]', async () => {
    await contradicted();
    await clock.advance(59_000);
    expect(urlsOf(state.self.author)).toEqual(['https://before.example']);
    await clock.advance(1_000);
    await until('it is told again', () => told.length === 5);
    expect(announcements.of(state.self.author)).toMatchObject(OWN);
  });

  it('is not made after a stop [AD2]', async () => {
    await contradicted();
    announcements.stop();
    await clock.advance(120_000);
    expect(urlsOf(state.self.author)).toEqual(['https://before.example']);
  });
});

describe('members that announced themselves', () => {
  it('are dialled over both lungs, except this node itself and those who have left [AD4]', async () => {
    const multiaddr = `/ip4/192.0.2.1/tcp/9000/p2p/${authorToPeerId(member.author)}`;
    const urls: (readonly AnnouncedUrl[])[] = [];
    const multiaddrs: (readonly string[])[] = [];
    const dialling = createDialling({
      self: state.self.author,
      clock,
      log,
      roster,
      announcements,
      http: { announce: (given) => urls.push(given) },
      announce: (given) => multiaddrs.push(given),
    });
    announcements.start();
    await until('it is told', () => told.length === 1);
    dialling.start();
    expect([urls, multiaddrs]).toEqual([[[]], [[]]]);
    const signed = signAnnouncement(
      {
        network: NETWORK,
        author: member.author,
        sequence: 1,
        name: '',
        urls: ['http://a.example'],
        multiaddrs: [multiaddr],
      },
      member.sign,
    );
    await hear(signed);
    dialling.look();
    expect([urls.at(-1), multiaddrs.at(-1)]).toEqual([
      [{ url: 'http://a.example', author: member.author }],
      [multiaddr],
    ]);
    roster.replace([state.self.author]);
    expect([urls.at(-1), multiaddrs.at(-1)]).toEqual([[], []]);
    dialling.stop();
  });
});
