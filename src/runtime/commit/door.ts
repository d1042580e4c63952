import { hlcMs } from '../../core/clock/index.ts';
import type { OperationOutcome } from '../../core/replica/index.ts';
import {
  type Author,
  type Bytes,
  bytesToHex,
  dropOldest,
  type Fragment,
  type Hasher,
  LatticeError,
  MAX_WANTS,
  REFUSALS,
  type Refusal,
} from '../../core/types/index.ts';
import { commitSigningBytes, decodeFragment } from '../../core/wire/index.ts';
import type { Clock, Metrics, Timer, Verifier } from '../../ports/index.ts';
import { createDeferred } from './deferred.ts';
import type { Origin } from './origin.ts';
import type { Writer } from './writer.ts';

/** Signatures known to be good, so that a commit that comes by three ways is verified once. */
const MAX_VERIFIED = 8192;
/** Hashes of whole fragments whose signature was bad. Junk that is sent again then costs a hash and no verification. */
const MAX_BAD = 1024;
/**
 * How many verifications run at a time: enough for two pages of single operations from each of two sessions that we
 * open and two that peers open. Beyond it a fragment is refused, and a repair brings it later.
 */
const MAX_VERIFYING = 8 * MAX_WANTS;
/** How often deferred fragments are tried again. Their HLCs are 20 s or more ahead. */
const DEFERRED_CHECK_MS = 5_000;

export type Admission =
  | { readonly ok: true; readonly fragment: Fragment }
  | { readonly ok: false; readonly reason: Refusal; readonly fragment?: Fragment };

export interface Door {
  /**
   * Checks size and form, network, trust, signature and room on the disk, in this order (SPEC D1). It changes nothing
   * in the state.
   */
  admit(bytes: Bytes): Promise<Admission>;
  /**
   * Applies an admitted fragment and resolves when its effect is durable. A commit from the future is kept aside and
   * tried again until its time has come.
   */
  apply(fragment: Fragment, origin: Origin): Promise<readonly OperationOutcome[] | 'overloaded'>;
  refused(): Readonly<Record<string, number>>;
  deferred(): number;
  /** How many signature checks are under way. */
  verifying(): number;
  stop(): void;
}

export interface DoorDeps {
  readonly hasher: Hasher;
  readonly network: string;
  /** Whether a commit of the author with an HLC of the millisecond `ms` counts. */
  readonly isTrusted: (author: Author, ms: number) => boolean;
  /** Whether the disk is too full to take anything more. */
  readonly isFull: () => boolean;
  readonly verifier: Verifier;
  readonly writer: Pick<Writer, 'apply'>;
  readonly clock: Clock;
  readonly metrics: Metrics;
  /** Called when the time of a deferred commit has come: what did not fit beside it may be taken as well. */
  readonly onDue?: () => void;
}

/** The name of a fragment among those that are deferred. */
const keyOf = ({ id, operations }: Fragment): string => `${id}:${operations.map((o) => o.index).join(',')}`;

/** The one door: gossip, what a repair fetched over either lung, and pushes enter here and nowhere else. */
export function createDoor(deps: DoorDeps): Door {
  const verified = new Set<string>();
  const bad = new Set<string>();
  const deferred = createDeferred();
  const refusals: Record<string, number> = {};
  /** Signature checks under way. When the same commit comes meanwhile, its bringer waits for the same check. */
  const verifying = new Map<string, Promise<boolean>>();
  let timer: Timer | undefined;
  let stopped = false;

  // Each reason is counted from 0 on: a monitoring system sees the first refusal only as a growth of what it has seen.
  for (const reason of [...REFUSALS, 'key-full']) deps.metrics.count('lattice_refused_total', { reason }, 0);

  function count(reason: Refusal): void {
    refusals[reason] = (refusals[reason] ?? 0) + 1;
    deps.metrics.count('lattice_refused_total', { reason });
  }

  function refuse(reason: Refusal, fragment?: Fragment): Admission {
    count(reason);
    return fragment === undefined ? { ok: false, reason } : { ok: false, reason, fragment };
  }

  const counts = ({ header: { author, hlc } }: Fragment): boolean => deps.isTrusted(author, hlcMs(hlc));

  const admitted = (fragment: Fragment): Admission =>
    deps.isFull() ? refuse('read-only', fragment) : { ok: true, fragment };

  async function admit(bytes: Bytes): Promise<Admission> {
    let fragment: Fragment;
    try {
      // The fragment is decoded from a copy, so that what is kept of it does not keep the whole message in memory.
      fragment = decodeFragment(bytes.slice(), deps.hasher);
    } catch (error) {
      if (!(error instanceof LatticeError)) throw error;
      return refuse(error.code === 'unknown-version' ? 'unknown-version' : 'malformed');
    }
    if (fragment.header.network !== deps.network) return refuse('other-network', fragment);
    if (!counts(fragment)) return refuse('untrusted-author', fragment);

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
      const key = keyOf(fragment);
      if (outcomes.includes('future')) defer(key, fragment, origin);
      else deferred.delete(key);
      if (outcomes.includes('key-full')) count('key-full');
      return outcomes;
    } catch (error) {
      if (!(error instanceof LatticeError) || error.code !== 'overloaded') throw error;
      count('overloaded');
      return 'overloaded';
    }
  }

  function defer(key: string, fragment: Fragment, origin: Origin): void {
    if (deferred.has(key)) return;
    count('future');
    deferred.add(key, { fragment, origin });
    schedule();
  }

  async function retry(): Promise<void> {
    const before = deferred.size;
    const due = [...deferred.all()].filter(({ fragment }) => {
      // Its author may have left the roster, or come to its end, meanwhile.
      const isTrusted = counts(fragment);
      if (!isTrusted) deferred.delete(keyOf(fragment));
      return isTrusted;
    });
    await Promise.allSettled(due.map(({ fragment, origin }) => apply(fragment, origin)));
    if (deferred.size < before) deps.onDue?.();
  }

  function schedule(): void {
    if (timer !== undefined || stopped || deferred.size === 0) return;
    timer = deps.clock.after(DEFERRED_CHECK_MS, () => {
      timer = undefined;
      // A commit that is still in the future stays in the map. A failed store ends the process elsewhere.
      void retry().finally(schedule);
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
