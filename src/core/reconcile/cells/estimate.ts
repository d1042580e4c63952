import { COUNTED_CELLS } from '../../wire/index.ts';
import { hitChance } from './cells.ts';

/** A count modulo 256 is used as long as its deviation stays below this, so that four deviations lie within ±128. */
const MAX_DEVIATION = 32;
/** Rounds of refinement: the weights hardly change after the second. */
const ROUNDS = 2;

/** How many items two sets differ by, and the standard deviation of this number as a share of it. */
export interface Estimate {
  readonly difference: number;
  readonly deviation: number;
}

/**
 * Estimates how many items two sets differ by from the counts of their difference's cells (theirs less ours; exact
 * below COUNTED_CELLS, and modulo 256 from there on), as SPEC Y9 says. Zero is no proof of equality.
 *
 * With s items more on one side, the count c of cell j has the mean s·p and the variance d·q, where d is the
 * difference, p is the chance that an item belongs to the cell, and q = p(1 − p); cell 0 tells s exactly. If the mean
 * were left out, the difference of a node that is merely late would look 139 times as large. The first estimate of d is
 * Σ(c − s·p)²/Σq. Then the cells' own estimates (c − s·p)²/q are averaged, each weighted by the inverse of its
 * variance, which is 2 + 1/(d·q) in units of d²; the weights also tell the deviation of the average.
 */
export function estimateDifference(counts: ArrayLike<number>): Estimate {
  const s = counts[0] ?? 0;
  let sum = 0;
  let scale = 0;
  for (let j = 1; j < Math.min(counts.length, COUNTED_CELLS); j++) {
    const p = hitChance(j);
    sum += ((counts[j] as number) - s * p) ** 2;
    scale += p * (1 - p);
  }
  let deviation = 0;
  let estimate = Math.max(Math.abs(s), scale === 0 ? 0 : sum / scale);
  for (let round = 0; round < ROUNDS && estimate > 0; round++) {
    let weighted = 0;
    let weights = 0;
    for (let j = 1; j < counts.length; j++) {
      const p = hitChance(j);
      const q = p * (1 - p);
      if (j >= COUNTED_CELLS && estimate * q > MAX_DEVIATION ** 2) continue;
      const raw = counts[j] as number;
      const count = j < COUNTED_CELLS ? raw : raw + 256 * Math.round((s * p - raw) / 256);
      const weight = 1 / (2 + 1 / (estimate * q));
      weighted += (weight * (count - s * p) ** 2) / q;
      weights += weight;
    }
    estimate = Math.max(Math.abs(s), weights === 0 ? estimate : weighted / weights);
    deviation = weights === 0 ? 1 : 1 / Math.sqrt(weights);
  }
  return { difference: estimate, deviation };
}
