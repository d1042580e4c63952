import { encodeNotice, type Notice } from '../../core/roster/index.ts';
import {
  type Author,
  type Bytes,
  bytesToHex,
  equalBytes,
  type Hasher,
  LatticeError,
  MAX_GOSSIP_BYTES,
} from '../../core/types/index.ts';
import {
  encodeGossip,
  MAX_NOTICES,
  NOTICE_ID_BYTES,
  type RosterNews,
  type SyncMessage,
} from '../../core/wire/index.ts';
import type { Clock, Log, Random } from '../../ports/index.ts';
import { backoff, every, type Repetition } from '../../timing/index.ts';
import type { SyncMode } from '../facade/index.ts';
import type { Members } from '../fleet/members.ts';
import type { Roster } from '../fleet/roster.ts';
import type { LungName } from '../peers/link.ts';
import type { Peer, PeerTable } from '../peers/peers.ts';
import { isHeard } from '../peers/view.ts';
import type { Streams } from '../streams/streams.ts';
import { ask, peerCodeOf } from '../transport/link.ts';
import type { LinkTo } from '../transport/links.ts';
import type { P2pSupervisor } from '../transport/lung-p2p.ts';
import type { Doubt } from './doubt.ts';
import type { Membership } from './membership.ts';

const LOOK_EVERY_MS = 200;
/**
 * How often a member is asked of which no push stream brings news by itself: a proxy may cut streams, and only one side
 * may reach the other.
 */
const ASK_EVERY_MS = 2_000;
/** How often any other member is asked, so that what was lost on the way still comes. */
const REST_MS = 30_000;
/** Most bytes of notices in one message, with room for the rest of it. */
const MAX_NEWS_BYTES = 768 * 1024;
/** Most rounds of one exchange. Each brings some of what the other side lacks. */
const MAX_ROUNDS = 64;
/** How long a member is left alone that does not know these messages: it is of an earlier version. */
const UNKNOWING_MS = 60_000;

/** Most bytes of evidence in one message, so that what is decided keeps its room beside it. */
const MAX_EVIDENCE_BYTES = 256 * 1024;

/**
 * In how many answers a member is given a piece of evidence: nothing tells that an answer has arrived, which a question
 * does once it is answered.
 */
const MAX_GIVEN = 3;
const NO_TIDINGS = { notices: [], given: [] };

const retry = backoff({ minMs: 500, maxMs: 15_000, jitter: 'equal' });

export interface ExchangeDeps {
  readonly clock: Clock;
  readonly random: Pick<Random, 'fraction'>;
  readonly log: Log;
  readonly hasher: Hasher;
  readonly roster: Roster;
  readonly peers: Pick<PeerTable, 'all' | 'get'>;
  readonly members: Pick<Members, 'has'>;
  readonly linkTo: LinkTo;
  readonly p2p: Pick<P2pSupervisor, 'publish'>;
  /** Whether the peer has a push stream open to us. */
  readonly streamsToUs: (author: Author) => boolean;
  readonly streams: Pick<Streams, 'publishTo' | 'streamsTo'>;
  readonly mode: () => SyncMode;
  readonly membership: () => Pick<Membership, 'hear' | 'notices'>;
  readonly doubt: Pick<Doubt, 'heard' | 'heardAllOf'>;
  /** What its own key attested last, which this member is told each time. */
  readonly attestedBy: (peer: Author) => Notice | undefined;
  /** What every member is told once. */
  readonly evidence: () => readonly Notice[];
  readonly heartbeatMs: number;
  readonly graceMs: number;
}

/** How notices of the next roster come to every member, over whatever reaches it (SPEC RO7). */
export interface Exchange {
  /** Sends on what is news, by gossip and push streams, and by requests to whom they do not reach. */
  spread(notice: Notice, bytes: Bytes, lung: LungName | undefined, from: Author | undefined): void;
  /** Answers a member's news with our own. */
  onNews(peer: Author, news: RosterNews, lung: LungName): Promise<SyncMessage>;
  /** The epoch that a member last told; undefined when it told none. */
  epochOf(peer: Author): number | undefined;
  start(): void;
  stop(): void;
}

/** What is remembered of the exchanges with one member. */
interface Partner {
  /** Whether it knows these messages, so that they may be put on its push stream. */
  speaks: boolean;
  epoch: number | undefined;
  /** Monotonic: when it is asked next. */
  dueAt: number;
  failures: number;
  busy: boolean;
  /** Its incarnation, and how often it was given evidence in it, by id (hex). */
  given: { readonly incarnation: string; readonly times: Map<string, number> };
  /** The ids (hex) of the notices of it that were looked at here under the present roster, also where none is kept. */
  readonly judged: Set<string>;
  /** Whether something became news while an exchange ran. */
  hurried: boolean;
}

export function createExchange(deps: ExchangeDeps): Exchange {
  const { clock, roster } = deps;
  const partners = new Map<Author, Partner>();
  /** Encoding is costly beside a look every moment, and what is held seldom changes. */
  const encoded = new WeakMap<Notice, { readonly bytes: Bytes; readonly id: Bytes }>();
  let looks: Repetition | undefined;

  function partnerOf(author: Author): Partner {
    let partner = partners.get(author);
    if (partner === undefined) {
      partner = {
        speaks: false,
        epoch: undefined,
        dueAt: 0,
        failures: 0,
        busy: false,
        given: { incarnation: '', times: new Map() },
        judged: new Set(),
        hurried: false,
      };
      partners.set(author, partner);
    }
    return partner;
  }

  // What was of no use under the former roster may be of use under the present one.
  roster.onChange(() => {
    for (const { judged } of partners.values()) judged.clear();
  });

  const idOf = (bytes: Bytes): Bytes => deps.hasher.hash(bytes).slice(0, NOTICE_ID_BYTES);

  function encodedOf(notice: Notice): { readonly bytes: Bytes; readonly id: Bytes } {
    let found = encoded.get(notice);
    if (found === undefined) {
      const bytes = encodeNotice(notice);
      found = { bytes, id: idOf(bytes) };
      encoded.set(notice, found);
    }
    return found;
  }

  const held = () => deps.membership().notices().slice(0, MAX_NOTICES).map(encodedOf);

  /**
   * What a peer is told whatever it has: a store that was restored does not know what it lacks. Each has to be noted as
   * given once it may have arrived.
   */
  function tidingsFor(peer: Author): { readonly notices: readonly Bytes[]; readonly given: readonly string[] } {
    const partner = partnerOf(peer);
    const head = deps.peers.get(peer)?.view.head;
    const incarnation = head === undefined ? '' : bytesToHex(head.incarnation);
    if (partner.given.incarnation !== incarnation) partner.given = { incarnation, times: new Map() };
    const attested = deps.attestedBy(peer);
    const notices = attested === undefined ? [] : [encodeNotice(attested)];
    const given: string[] = [];
    let room = MAX_EVIDENCE_BYTES;
    for (const { bytes, id } of deps.evidence().map(encodedOf)) {
      if ((partner.given.times.get(bytesToHex(id)) ?? 0) >= MAX_GIVEN) continue;
      room -= bytes.length;
      if (room < 0) break;
      given.push(bytesToHex(id));
      notices.push(bytes);
    }
    return { notices, given };
  }

  function noteGiven(peer: Author, given: readonly string[], times: number): void {
    const { given: now } = partnerOf(peer);
    for (const id of given) now.times.set(id, (now.times.get(id) ?? 0) + times);
  }

  /** Our side, with these notices and what the other lacks by what it told of itself. */
  function newsFor(type: RosterNews['type'], other: RosterNews | undefined, first: readonly Bytes[]): RosterNews {
    const { epoch } = roster.present.state.roster;
    const all = held();
    const notices = [...first];
    if (other !== undefined) {
      let room = MAX_NEWS_BYTES - notices.reduce((sum, { length }) => sum + length, 0);
      const add = (bytes: Bytes): void => {
        room -= bytes.length + 8;
        if (room >= 0) notices.push(bytes);
      };
      const isSame = equalBytes(other.roster, roster.hash);
      if (other.epoch < epoch || (other.epoch === epoch && epoch > 0 && !isSame))
        for (const { certificate } of roster.from(Math.min(other.epoch + 1, epoch)))
          if (certificate !== undefined && notices.length < MAX_ROUNDS)
            add(encodeNotice({ kind: 'certificate', certificate }));
      const has = new Set(other.has.map(bytesToHex));
      if (isSame) for (const { bytes, id } of all) if (!has.has(bytesToHex(id))) add(bytes);
    }
    return { type, epoch, roster: roster.hash, has: all.map(({ id }) => id), notices };
  }

  /** Resolves to whether anything of it was news. */
  async function takeAll(author: Author, { notices }: RosterNews, lung: LungName): Promise<boolean> {
    let isNews = false;
    for (const bytes of notices) {
      try {
        const heard = await deps.membership().hear(bytes, lung, author);
        if (heard === 'unread') continue;
        if (heard === 'forged')
          throw new LatticeError('bad-signature', 'a notice about the roster has a bad signature');
        isNews ||= heard === 'news';
      } catch (error) {
        // What a later version tells is left alone.
        if (!(error instanceof LatticeError) || error.code !== 'unknown-version') throw error;
      }
      noteJudged(author, bytes);
    }
    return isNews;
  }

  function noteJudged(author: Author, bytes: Bytes): void {
    const { judged } = partnerOf(author);
    // A member that tells ever more of what is of no use here is not remembered for it. What it lacks comes again.
    if (judged.size >= 2 * MAX_NOTICES) judged.clear();
    judged.add(bytesToHex(idOf(bytes)));
  }

  function noteTold(author: Author, { epoch, roster: hash, has }: RosterNews): void {
    const partner = partnerOf(author);
    partner.speaks = true;
    partner.epoch = epoch;
    deps.doubt.heard(author);
    if (!equalBytes(hash, roster.hash)) return;
    const ours = new Set(held().map(({ id }) => bytesToHex(id)));
    const isJudged = (id: string): boolean => ours.has(id) || partner.judged.has(id);
    if (has.every((id) => isJudged(bytesToHex(id)))) deps.doubt.heardAllOf(author);
  }

  /** Exchanges news with a member until neither has something for the other. */
  async function trade(peer: Peer, partner: Partner): Promise<void> {
    const path = deps.linkTo(peer);
    if (path === undefined) return;
    partner.busy = true;
    partner.hurried = false;
    try {
      let theirs: RosterNews | undefined;
      let brought = false;
      for (let round = 0; round < MAX_ROUNDS; round++) {
        const { notices, given } = theirs === undefined ? tidingsFor(peer.author) : NO_TIDINGS;
        const ours = newsFor('news', theirs, notices);
        // The first round tells and asks; a further one is worth it only for what one of the two lacks.
        if (theirs !== undefined && ours.notices.length === 0 && !brought) break;
        const reply = await ask(path.link, ours);
        if (reply.type !== 'newsback')
          throw new LatticeError('unexpected-answer', `expected newsback, the peer answered ${reply.type}`);
        noteGiven(peer.author, given, MAX_GIVEN);
        brought = await takeAll(peer.author, reply, path.lung);
        theirs = reply;
        noteTold(peer.author, reply);
      }
      partner.failures = 0;
      partner.dueAt = clock.monotonic() + (partner.hurried ? LOOK_EVERY_MS : isStreamed(peer) ? REST_MS : ASK_EVERY_MS);
    } catch (error) {
      partner.failures++;
      const code = peerCodeOf(error);
      if (code === 'unknown-version') {
        partner.speaks = false;
        // It knows no votes at all.
        deps.doubt.heard(peer.author);
      }
      partner.dueAt =
        clock.monotonic() +
        (code === 'unknown-version' ? UNKNOWING_MS : retry(partner.failures, deps.random.fraction()));
      deps.log.debug({ peer: peer.author, error: String(error) }, 'no exchange about the roster');
    } finally {
      partner.busy = false;
    }
  }

  /** Whether what is news at the peer comes by itself: by gossip, or on a stream in either direction. */
  function isStreamed(peer: Peer): boolean {
    return peer.link.path.lung === 'p2p' || deps.streams.streamsTo(peer.author) || deps.streamsToUs(peer.author);
  }

  function look(): void {
    const now = clock.monotonic();
    for (const peer of deps.peers.all()) {
      if (!deps.members.has(peer.author)) continue;
      const partner = partnerOf(peer.author);
      if (partner.busy || partner.dueAt > now || !isHeard(peer.view, now, deps)) continue;
      void trade(peer, partner);
    }
    for (const author of partners.keys()) if (!deps.members.has(author)) partners.delete(author);
  }

  /** Has everybody asked soon: whoever was reached by gossip or a stream says so, and costs one small message. */
  function hurry(except: Author | undefined): void {
    for (const [author, partner] of partners) {
      if (author === except || !partner.speaks) continue;
      partner.hurried = true;
      partner.dueAt = Math.min(partner.dueAt, clock.monotonic() + LOOK_EVERY_MS);
    }
  }

  return {
    spread(_notice, bytes, lung, from) {
      if (bytes.length + 16 <= MAX_GOSSIP_BYTES) {
        const frame = encodeGossip({ type: 'notice', notice: bytes });
        if (deps.mode() !== 'http' && lung !== 'p2p') deps.p2p.publish(frame);
        for (const [author, { speaks }] of partners)
          if (speaks && author !== from) deps.streams.publishTo(frame, author);
      }
      hurry(from);
    },
    async onNews(peer, news, lung) {
      await takeAll(peer, news, lung);
      noteTold(peer, news);
      const { notices, given } = tidingsFor(peer);
      noteGiven(peer, given, 1);
      const answer = newsFor('newsback', news, notices);
      const { epoch } = roster.present.state.roster;
      // Who tells more than it sent is asked for the rest.
      if (news.epoch > epoch) partnerOf(peer).dueAt = Math.min(partnerOf(peer).dueAt, clock.monotonic());
      return answer;
    },
    epochOf: (peer) => partners.get(peer)?.epoch,
    start() {
      looks = every(clock, LOOK_EVERY_MS, look, {
        onError: (err) => deps.log.error({ err }, 'looking for news about the roster failed'),
      });
    },
    stop: () => looks?.stop(),
  };
}
