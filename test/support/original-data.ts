import { existsSync } from 'node:fs';

/**
 * The directory of real files of the original, which lies beside a checkout or beside the directory of its worktrees;
 * undefined where it is not there. Tests of it say in their titles that they are skipped then.
 */
export const originalData: URL | undefined = ['../../..', '../../../..']
  .map((up) => new URL(`${up}/shared/fixtures/original/`, import.meta.url))
  .find((url) => existsSync(url));
