import type { Correction, FoundEntry, Replica, RowWrite } from '../../core/replica/index.ts';
import { encodeQuarantined } from '../../core/rows/index.ts';
import {
  type Author,
  type Bytes,
  bytesToHex,
  dropOldest,
  equalBytes,
  LatticeError,
  type Sibling,
} from '../../core/types/index.ts';
import { commitSigningBytes } from '../../core/wire/index.ts';
import type { Clock, Log, Verifier } from '../../ports/index.ts';
import { sleep } from '../../timing/index.ts';
import type { Door } from '../commit/door.ts';
import type { Writer } from '../commit/writer.ts';
import type { Peer } from '../peers/peers.ts';
import type { Entries } from '../storage/entries.ts';
import { ask } from '../transport/link.ts';
import type { LinkTo } from '../transport/links.ts';

/** How many keys are read at a time, which takes a few milliseconds. */
const PAGE = 256;
/**
 * How many signatures are checked at a time: enough for the threads that check them, few enough that the signature of a
 * live commit does not wait long.
 */
const MAX_IN_FLIGHT = 32;
/**
 * How many commits are remembered as good, because the operations of one commit are at different places in the order of
 * key hashes. They take 16 MB.
 */
const MAX_KNOWN = 65_536;
/**
 * While other work waits in the node, the check rests for this long, at most MAX_RESTS times a page, so that it always
 * goes on.
 */
const REST_MS = 10;
const MAX_RESTS = 20;
/**
 * After how many keys the store notes how far the check has come. When the process is killed, at most that much work is
 * lost.
 */
const SAVE_EVERY = 16_384;
/**
 * How many times peers are asked for good copies, and how long the check waits after a round in which no peer answered.
 */
const ROUNDS = 3;
const ROUND_WAIT_MS = 5_000;
/** How many operations are kept in quarantine for an operator to look at. Further ones are only counted. */
export const MAX_QUARANTINED = 1024;

/** An operation of the state whose signature is bad. */
export interface BadOperation {
  readonly key: string;
  readonly keyHash: Bytes;
  readonly sibling: Sibling;
}

export interface SignatureCheckDeps {
  readonly replica: Replica;
  readonly entries: Pick<Entries, 'page'>;
  readonly writer: Pick<Writer, 'amend' | 'keep' | 'read' | 'queued'>;
  readonly door: Pick<Door, 'admit' | 'apply' | 'verifying'>;
  readonly verifier: Verifier;
  readonly clock: Clock;
  readonly log: Log;
  readonly linkTo: LinkTo;
  readonly peers: () => readonly Peer[];
  readonly peerIdOf: (author: Author) => string;
  /** Who served the key, and who attested the cut that the key was part of. */
  readonly originOf: (keyHash: Bytes) => { readonly source: Author | undefined; readonly attesters: readonly Author[] };
  /** The rows that note how far the check has come. */
  readonly rowsAt: (cursor: Bytes, verified: number) => readonly RowWrite[];
  /** How many operations are in quarantine so far. */
  readonly quarantined: () => number;
  readonly onQuarantine: (bad: BadOperation) => void;
}

export interface SignatureCheck {
  /**
   * Checks every key after `cursor`. `verified` is how many keys were checked before. Resolves to whether it came to
   * the end.
   */
  run(cursor: Bytes, verified: number): Promise<boolean>;
  readonly verified: number;
  stop(): void;
}

/**
 * Verifies the signatures of a state that came by a snapshot, in the order of key hashes. The id of a commit does not
 * cover its signature, so a bad one may be the work of the peer that served it. Other peers are therefore asked for the
 * operation first, and it is taken out of the state only when none of them has it with a good signature.
 */
export function createSignatureCheck(deps: SignatureCheckDeps): SignatureCheck {
  const { replica, writer, clock, log } = deps;
  /** Commit id and signature, in hex. The id alone does not do, because a commit can come with another signature. */
  const known = new Set<string>();
  let verified = 0;
  const stopping = new AbortController();
  const isStopped = (): boolean => stopping.signal.aborted;
  const rest = (ms: number): Promise<void> => sleep(clock, ms, stopping.signal);

  async function yieldToLive(): Promise<void> {
    const busy = (): boolean => !isStopped() && (writer.queued > 0 || deps.door.verifying() > 0);
    for (let i = 0; i < MAX_RESTS && busy(); i++) await rest(REST_MS);
  }

  /** The operations of a page whose signatures are bad. */
  async function verify(page: readonly FoundEntry[]): Promise<BadOperation[]> {
    const open = new Map<string, BadOperation[]>();
    for (const { keyHash, entry } of page) {
      const { key, siblings } = entry;
      for (const sibling of siblings) {
        const name = bytesToHex(sibling.commit) + bytesToHex(sibling.signature);
        if (known.has(name)) continue;
        const same = open.get(name);
        if (same === undefined) open.set(name, [{ key, keyHash, sibling }]);
        else same.push({ key, keyHash, sibling });
      }
    }
    const bad: BadOperation[] = [];
    const queue = [...open];
    const work = async (): Promise<void> => {
      for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
        const [name, operations] = next;
        const { sibling } = operations[0] as BadOperation;
        if (await deps.verifier.verify(sibling.author, commitSigningBytes(sibling.headerBytes), sibling.signature))
          note(name);
        else bad.push(...operations);
      }
    };
    await Promise.all(Array.from({ length: Math.min(MAX_IN_FLIGHT, queue.length) }, work));
    return bad;
  }

  function note(name: string): void {
    dropOldest(known, MAX_KNOWN);
    known.add(name);
  }

  /** Asks peers for good copies, the ones that served a bad one last. What no peer has in a good copy is taken out. */
  async function settle(bad: readonly BadOperation[], cursor: Bytes): Promise<void> {
    log.error({ operations: bad.length }, 'signatures of the snapshot are bad: looking for good copies');
    const corrections: Correction[] = [];
    let left = [...bad];
    for (let round = 0; round < ROUNDS && left.length > 0; round++) {
      if (round > 0) await rest(ROUND_WAIT_MS);
      if (isStopped()) return;
      let answered = false;
      const last = new Set(left.map(({ keyHash }) => deps.originOf(keyHash).source));
      const peers = [...deps.peers()].sort((a, b) => Number(last.has(a.author)) - Number(last.has(b.author)));
      for (const peer of peers) {
        if (left.length === 0 || isStopped()) break;
        try {
          const mended = await mend(peer, left);
          answered = true;
          corrections.push(...mended);
          left = left.filter(
            ({ sibling }) => !mended.some((c) => c.index === sibling.index && equalBytes(c.commit, sibling.commit)),
          );
        } catch (error) {
          log.debug({ peer: peer.author, error: String(error) }, 'no good copies');
        }
      }
      if (answered) break;
    }
    if (isStopped()) return;
    const rows = left.flatMap((one) => quarantine(one));
    const all = [...corrections, ...left.map(({ key, sibling: { commit, index } }) => ({ key, commit, index }))];
    const keys = bad.map(({ key, keyHash }) => ({ key, keyHash }));
    await writer.amend({
      keys: () => keys,
      prepare: (view, now) => ({
        step: replica.correct(all, view, now),
        rows: [...rows, ...deps.rowsAt(cursor, verified)],
      }),
    });
  }

  /**
   * Asks one peer for the keys. Where the peer has the same commits with good signatures, those signatures correct
   * ours. Everything that it sends enters by the door.
   */
  async function mend(peer: Peer, bad: readonly BadOperation[]): Promise<Correction[]> {
    const path = deps.linkTo(peer);
    if (path === undefined) throw new Error('no lung reaches the peer');
    const keyHashes = Array.from(new Map(bad.map(({ keyHash }) => [bytesToHex(keyHash), keyHash])))
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([, keyHash]) => keyHash);
    const corrections: Correction[] = [];
    for (let at = 0; at < keyHashes.length; ) {
      const answer = await ask(path.link, { type: 'want', keyHashes: keyHashes.slice(at) });
      if (answer.type !== 'entries' || answer.answered < 1)
        throw new LatticeError('unexpected-answer', `the peer answered ${answer.type} to want`);
      at += answer.answered;
      for (const bytes of answer.fragments) {
        const admission = await deps.door.admit(bytes);
        if (!admission.ok) continue;
        const { fragment } = admission;
        for (const { key, sibling } of bad) {
          if (
            !equalBytes(sibling.commit, fragment.idBytes) ||
            !fragment.operations.some(({ index }) => index === sibling.index)
          )
            continue;
          corrections.push({ key, commit: sibling.commit, index: sibling.index, signature: fragment.signature });
        }
        await deps.door.apply(fragment, { lung: path.lung, peer: peer.author, live: false });
      }
    }
    return corrections;
  }

  function quarantine(bad: BadOperation): RowWrite[] {
    const { source, attesters } = deps.originOf(bad.keyHash);
    log.error(
      {
        key: bad.key,
        commit: bytesToHex(bad.sibling.commit),
        index: bad.sibling.index,
        author: bad.sibling.author,
        servedBy: source === undefined ? 'unknown' : deps.peerIdOf(source),
        attestedBy: attesters.map(deps.peerIdOf),
      },
      'an operation with a bad signature was part of an attested cut: taken out of the state and put in quarantine',
    );
    deps.onQuarantine(bad);
    if (deps.quarantined() > MAX_QUARANTINED) return [];
    const entry = { key: bad.key, siblings: [bad.sibling] };
    return [{ type: 'put', ...encodeQuarantined({ entry, source, attesters, at: clock.now() }) }];
  }

  return {
    async run(from, before) {
      let cursor = from;
      let unsaved = 0;
      verified = before;
      for (;;) {
        await yieldToLive();
        if (isStopped()) return false;
        const { entries: page, last } = await deps.entries.page(cursor, PAGE, (read) => writer.read(read));
        if (last === undefined) return true;
        const bad = await verify(page);
        if (isStopped()) return false;
        cursor = last;
        verified += page.length;
        unsaved += page.length;
        if (bad.length > 0) await settle(bad, cursor);
        else if (unsaved >= SAVE_EVERY) await writer.keep(() => deps.rowsAt(cursor, verified));
        else continue;
        unsaved = 0;
      }
    },
    get verified() {
      return verified;
    },
    stop() {
      stopping.abort();
    },
  };
}
