import { LatticeError } from '../../../src/core/types/index.ts';
import { FloorCase } from './floor-case.ts';
import type { Mistake } from './mistakes.ts';
import { Broken } from './world.ts';

export function failureOf(seed: string, mistake: Mistake = 'none', trace?: (line: string) => void): string | undefined {
  try {
    new FloorCase(seed, mistake, trace).run();
    return undefined;
  } catch (error) {
    if (error instanceof Broken || error instanceof LatticeError) return error.message;
    throw error;
  }
}

/** The first of `cases` cases that breaks something, with what it breaks. */
export function firstFloorFailure(
  seed: string,
  cases: number,
  mistake: Mistake = 'none',
  from = 0,
): string | undefined {
  for (let i = from; i < cases; i++) {
    const one = `${seed}/${i}`;
    const fault = failureOf(one, mistake);
    if (fault !== undefined) return `${one}: ${fault}`;
  }
  return undefined;
}
