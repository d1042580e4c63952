import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach } from 'vitest';
import { type Config, inspectConfig, loadConfig, type Problem } from '../../../src/config/index.ts';
import { LatticeError } from '../../../src/core/types/index.ts';

/** A directory of its own for each test of the calling file. */
export function useDirectory(): () => string {
  let dir = '';
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'lattice-config-'));
  });
  afterEach(() => {
    rmSync(dir, { recursive: true });
  });
  return () => dir;
}

/** A directory that does not exist: no `.env` is found there. */
export const NOWHERE = join(tmpdir(), 'lattice-config-nowhere', 'at', 'all');

export function load(env: Record<string, string>): Config {
  return loadConfig({ env, cwd: NOWHERE });
}

/** Everything that is wrong with an environment, whether it keeps the node or the P2P lung from starting. */
export function flawsOf(env: Record<string, string>): readonly Problem[] {
  const { problems, p2pProblems } = inspectConfig({ env, cwd: NOWHERE });
  return [...problems, ...p2pProblems];
}

export function latticeErrorOf(run: () => unknown): LatticeError {
  try {
    run();
  } catch (error) {
    if (error instanceof LatticeError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

export function problemsOf(run: () => unknown): readonly Problem[] {
  const error = latticeErrorOf(run);
  if (error.code !== 'invalid-config') throw error;
  return error.details['problems'] as readonly Problem[];
}
