import { type VaultContents, vaultContents } from '../../../core/original/vault/index.ts';
import type { Lattice } from '../../../runtime/facade/index.ts';
import type { Timers } from '../../../timing/index.ts';
import { createFleetVault } from './fleet-vault.ts';
import { hasher } from './hasher.ts';
import { createNodeCheck, type SignatureCheck } from './held.ts';
import { readLegacyVault, type VaultDisk } from './legacy-vault.ts';

/** What one look at the original's vault has found. */
export interface VaultLook extends VaultContents {
  /** Files of the fleet's vault whose bytes are not on this node, so that they are not listed. */
  readonly notHere: number;
}

export interface OriginalVault {
  /** Rejects with LatticeError `vault-too-large`, or as reading the vault of the fleet rejects. */
  look(): Promise<VaultLook>;
  /** Has the next look find what was written just now. */
  forget(): void;
}

/** How long the outcome of a look at files answers later requests too. */
const FRESH_MS = 1000;
/** The same in multiples of the time that the look took, so that looks take at most a fifth of the node's time. */
const FRESH_LOOKS = 4;

/**
 * Looks at the original's vault: at the objects of its media types in the vault of the fleet, and at the files in a
 * vault directory of the original that have not been taken in. A look answers until it is old, and what was written
 * meanwhile makes it old sooner; yet looks never follow each other without a pause.
 */
export function createOriginalVault(deps: {
  readonly lattice: Lattice;
  readonly directory: string | undefined;
  readonly verifier?: SignatureCheck | undefined;
  readonly clock: Timers;
  readonly disk?: VaultDisk | undefined;
}): OriginalVault {
  const { lattice, directory, verifier, clock, disk } = deps;
  const checkNode = createNodeCheck(lattice, verifier);
  const fleet = lattice.vault === undefined ? undefined : createFleetVault(lattice.vault, hasher, checkNode);

  async function look(): Promise<VaultLook> {
    const { files, hashes, notHere } = (await fleet?.()) ?? { files: [], hashes: new Set<string>(), notHere: 0 };
    const legacy = directory === undefined ? [] : await readLegacyVault(directory, hashes, hasher, checkNode, disk);
    // What the fleet has comes first: of two files of one hash it is the one that everybody sees.
    return { ...vaultContents([...files, ...legacy], hasher), notHere };
  }

  let current: Promise<VaultLook> | undefined;
  let sequence = -1;
  let isRested = false;
  function find(): Promise<VaultLook> {
    if (current !== undefined && !(isRested && lattice.root().sequence !== sequence)) return current;
    const from = performance.now();
    const begun = look();
    const forget = (): void => {
      if (current === begun) current = undefined;
    };
    current = begun;
    ({ sequence } = lattice.root());
    isRested = false;
    begun.then(() => {
      const restMs = FRESH_LOOKS * (performance.now() - from);
      clock.after(Math.max(FRESH_MS, restMs), forget);
      clock.after(restMs, () => {
        if (current === begun) isRested = true;
      });
    }, forget);
    return begun;
  }
  return {
    look: find,
    forget: () => {
      current = undefined;
    },
  };
}
