import { type Author, type Bytes, MAX_CLOCK_ERROR_MS } from '../../src/core/types/index.ts';
import { decodeFragment, decodeGossip } from '../../src/core/wire/index.ts';
import type { Verdict } from '../../src/ports/index.ts';
import { hasher } from './crypto.ts';
import { shortHash } from './trace.ts';

/** A node attests with a clock that its peers bear out; those are up to 5 s off themselves in a storm. */
const MAX_ATTESTED_AHEAD_MS = MAX_CLOCK_ERROR_MS + 5_000;

/** What must hold of every gossip message. */
export interface GossipChecks {
  /** This message is a forgery: it must be rejected, and no other may be. */
  expectForged(data: Bytes): void;
  onVerdict(verdict: Verdict, at: number, data: Bytes): void;
  /**
   * An author never gossips two commits of its own with one HLC, and attests each time once, in order, and none that has
   * not come yet.
   */
  onPublish(by: Author, data: Bytes): void;
}

/** `strict` false: forgeries may pass the gossip verdict, for what else notices them. */
export function createGossipChecks(
  fail: (what: string) => void,
  strict: boolean,
  /** The true time in Unix ms. */
  now: () => number,
): GossipChecks {
  const forged = new Set<string>();
  /** Commit ids by author and HLC. */
  const published = new Map<string, string>();
  /** The newest time that each author attested. */
  const attested = new Map<Author, number>();

  function checkAttestation(by: Author, at: number): void {
    if (at <= (attested.get(by) ?? 0)) fail(`${by.slice(0, 8)} attested ${at} again, or after a later time`);
    if (at > now() + MAX_ATTESTED_AHEAD_MS) fail(`${by.slice(0, 8)} attested ${at}, which has not come yet`);
    attested.set(by, at);
  }

  return {
    expectForged: (data) => void forged.add(shortHash(data)),
    onVerdict(verdict, at, data) {
      const isForged = forged.has(shortHash(data));
      if (verdict === 'reject' && !isForged) fail(`n${at} rejected an honest gossip message`);
      if (verdict === 'accept' && isForged && strict) fail(`n${at} accepted a forged gossip message`);
    },
    onPublish(by, data) {
      const message = decodeGossip(data, { stream: false });
      if (message.type === 'attestation' && message.attestation.attestation.author === by)
        checkAttestation(by, message.attestation.attestation.at);
      if (message.type !== 'commits') return;
      for (const bytes of message.fragments) {
        const { header, id } = decodeFragment(bytes, hasher);
        if (header.author !== by) continue;
        const name = `${by}:${header.hlc}`;
        const known = published.get(name);
        if (known !== undefined && known !== id) fail(`${by.slice(0, 8)} signed two commits with one HLC`);
        published.set(name, id);
      }
    },
  };
}
