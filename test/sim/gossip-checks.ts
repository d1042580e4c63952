import type { Author, Bytes } from '../../src/core/types/index.ts';
import { decodeFragment, decodeGossip } from '../../src/core/wire/index.ts';
import type { Verdict } from '../../src/ports/index.ts';
import { hasher } from './crypto.ts';
import { shortHash } from './trace.ts';

/** What must hold of every gossip message. */
export interface GossipChecks {
  /** This message is a forgery: it must be rejected, and no other may be. */
  expectForged(data: Bytes): void;
  onVerdict(verdict: Verdict, at: number, data: Bytes): void;
  /** An author never gossips two commits of its own with one HLC. */
  onPublish(by: Author, data: Bytes): void;
}

/** `strict` false: forgeries may pass the gossip verdict, for what else notices them. */
export function createGossipChecks(fail: (what: string) => void, strict: boolean): GossipChecks {
  const forged = new Set<string>();
  /** Commit ids by author and HLC. */
  const published = new Map<string, string>();
  return {
    expectForged: (data) => void forged.add(shortHash(data)),
    onVerdict(verdict, at, data) {
      const isForged = forged.has(shortHash(data));
      if (verdict === 'reject' && !isForged) fail(`n${at} rejected an honest gossip message`);
      if (verdict === 'accept' && isForged && strict) fail(`n${at} accepted a forged gossip message`);
    },
    onPublish(by, data) {
      const message = decodeGossip(data, { stream: false });
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
