import type { OperationOutcome } from '../../core/replica/index.ts';
import {
  type Author,
  type Bytes,
  bytesToHex,
  dropOldest,
  type Fragment,
  type Hasher,
  LatticeError,
  MAX_DEFERRED,
  MAX_WANTS,
  type Refusal,
} from '../../core/types/index.ts';
import { commitSigningBytes, decodeFragment } from '../../core/wire/index.ts';
import type { Clock, Metrics, Timer, Verifier } from '../../ports/index.ts';
import type { Origin } from './origin.ts';
import type { Writer } from './writer.ts';

/** Signatures known good, so that a commit that comes by three ways is verified once. */
const MAX_VERIFIED = 8192;
/** Hashes of whole fragments whose signature was bad: junk that is sent again costs a hash, not a verification. */
const MAX_BAD = 1024;
/**
 * Verifications under way: two pages of single operations from each of two sessions of ours and two of peers; beyond
 * this a fragment is left to repair.
 */
const MAX_VERIFYING = 8 * MAX_WANTS;
/** How often deferred fragments are looked at. Their clocks are a minute or more ahead. */
const DEFERRED_CHECK_MS = 5_000;

export type Admission =
  | { readonly ok: true; readonly fragment: Fragment }
  | { readonly ok: false; readonly reason: Refusal; readonly fragment?: Fragment };

export interface Door {
  /** size → decode → network → trust → signature. Nothing is stored yet. */
  admit(bytes: Bytes): Promise<Admission>;
  /**
   * Applies an admitted fragment; resolves when durable. A commit from the future is kept aside and tried again when
   * its time comes.
   */
  apply(fragment: Fragment, origin: Origin): Promise<readonly OperationOutcome[] | 'overloaded'>;
  refused(): Readonly<Record<string, number>>;
  deferred(): number;
  /** Signature checks under way. */
  verifying(): number;
  stop(): void;
}

export interface DoorDeps {
  readonly hasher: Hasher;
  readonly network: string;
  readonly isTrusted: (author: Author) => boolean;
  /** The disk is too full to take anything more. */
  readonly isFull: () => boolean;
  readonly verifier: Verifier;
  readonly writer: Pick<Writer, 'apply'>;
  readonly clock: Clock;
  readonly metrics: Metrics;
}

/** The one door in: gossip, repair over either lung, pushes and imports all enter here and nowhere else. */
export function createDoor(deps: DoorDeps): Door {
  const verified = new Set<string>();
  const bad = new Set<string>();
  const deferred = new Map<string, { readonly fragment: Fragment; readonly origin: Origin }>();
  const refusals: Record<string, number> = {};
  /** Signatures being checked: who brings the same commit meanwhile waits for that check. */
  const verifying = new Map<string, Promise<boolean>>();
  let timer: Timer | undefined;
  let stopped = false;

  function refuse(reason: Refusal, fragment?: Fragment): Admission {
    refusals[reason] = (refusals[reason] ?? 0) + 1;
    deps.metrics.count('lattice_refused_total', { reason });
    return fragment === undefined ? { ok: false, reason } : { ok: false, reason, fragment };
  }

  const admitted = (fragment: Fragment): Admission =>
    deps.isFull() ? refuse('read-only', fragment) : { ok: true, fragment };

  async function admit(bytes: Bytes): Promise<Admission> {
    let fragment: Fragment;
    try {
      // A copy: what is kept of a fragment must not keep the whole message that it came in.
      fragment = decodeFragment(bytes.slice(), deps.hasher);
    } catch (error) {
      if (!(error instanceof LatticeError)) throw error;
      return refuse(error.code === 'unknown-version' ? 'unknown-version' : 'malformed');
    }
    if (fragment.header.network !== deps.network) return refuse('other-network', fragment);
    if (!deps.isTrusted(fragment.header.author)) return refuse('untrusted-author', fragment);

    const proof = `${fragment.id}${bytesToHex(fragment.signature)}`;
    if (verified.has(proof)) return admitted(fragment);
    const whole = (): string => bytesToHex(deps.hasher.hash(bytes));
    if (bad.size > 0 && bad.has(whole())) return refuse('bad-signature', fragment);
    let check = verifying.get(proof);
    if (check === undefined) {
      if (verifying.size >= MAX_VERIFYING) return refuse('overloaded', fragment);
      check = deps.verifier.verify(
        fragment.header.author,
        commitSigningBytes(fragment.headerBytes),
        fragment.signature,
      );
      verifying.set(proof, check);
    }
    let good: boolean;
    try {
      good = await check;
    } finally {
      verifying.delete(proof);
    }
    if (!good) {
      addBounded(bad, whole(), MAX_BAD);
      return refuse('bad-signature', fragment);
    }
    addBounded(verified, proof, MAX_VERIFIED);
    return admitted(fragment);
  }

  async function apply(fragment: Fragment, origin: Origin): Promise<readonly OperationOutcome[] | 'overloaded'> {
    try {
      const outcomes = await deps.writer.apply(fragment, origin);
      const key = `${fragment.id}:${fragment.operations.map((o) => o.index).join(',')}`;
      if (outcomes.includes('future')) defer(key, fragment, origin);
      else deferred.delete(key);
      return outcomes;
    } catch (error) {
      if (!(error instanceof LatticeError) || error.code !== 'overloaded') throw error;
      refuse('overloaded');
      return 'overloaded';
    }
  }

  function defer(key: string, fragment: Fragment, origin: Origin): void {
    if (deferred.has(key)) return;
    refuse('future');
    if (deferred.size >= MAX_DEFERRED) {
      const oldest = deferred.keys().next().value;
      if (oldest !== undefined) deferred.delete(oldest);
    }
    deferred.set(key, { fragment, origin });
    schedule();
  }

  function schedule(): void {
    if (timer !== undefined || stopped || deferred.size === 0) return;
    timer = deps.clock.after(DEFERRED_CHECK_MS, () => {
      timer = undefined;
      // What is still in the future stays where it is; a failed store ends the process elsewhere.
      for (const { fragment, origin } of deferred.values()) apply(fragment, origin).catch(() => undefined);
      schedule();
    });
  }

  return {
    admit,
    apply,
    refused: () => refusals,
    deferred: () => deferred.size,
    verifying: () => verifying.size,
    stop() {
      stopped = true;
      timer?.cancel();
    },
  };
}

function addBounded(set: Set<string>, value: string, limit: number): void {
  dropOldest(set, limit);
  set.add(value);
}
