import { type Author, type Bytes, dropOldest } from '../../core/types/index.ts';
import type { SignedAttestation } from '../../core/wire/index.ts';
import type { Clock } from '../../ports/index.ts';

/** As many as the writers of a full roster attest of one cut, 512 bytes each at most: 128 KiB. */
const MAX_WAITING = 256;
/** A roster that was decided reaches everybody within seconds. Whoever is behind for longer misses some cuts. */
const WAIT_MS = 60_000;

/** Attestations under rosters that this node does not know yet. Nothing of them has been checked. */
export interface WaitingAttestations {
  /** Of one author the newest is kept. */
  keep(signed: SignedAttestation): void;
  /** Takes out those whose roster is known by now. */
  take(isKnown: (hash: Bytes) => boolean): readonly SignedAttestation[];
}

export function createWaitingAttestations(clock: Pick<Clock, 'monotonic'>): WaitingAttestations {
  const waiting = new Map<Author, { readonly signed: SignedAttestation; readonly since: number }>();

  function forgetOld(): void {
    const before = clock.monotonic() - WAIT_MS;
    for (const [author, { since }] of waiting) if (since < before) waiting.delete(author);
  }

  return {
    keep(signed) {
      forgetOld();
      const { author } = signed.attestation;
      waiting.delete(author);
      dropOldest(waiting, MAX_WAITING);
      waiting.set(author, { signed, since: clock.monotonic() });
    },
    take(isKnown) {
      forgetOld();
      const taken = [...waiting.values()].filter(({ signed }) => isKnown(signed.attestation.trustHash));
      for (const { signed } of taken) waiting.delete(signed.attestation.author);
      return taken.map(({ signed }) => signed);
    },
  };
}
