import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { inspectConfig, loadConfig } from '../../../src/config/index.ts';
import { readOldNode } from '../../../src/config/old-node.ts';
import { namesOf } from '../../../src/config/variable.ts';
import { VARIABLES } from '../../../src/config/variables.ts';
import { ORIGINAL_ENV } from '../../support/original-env.ts';
import { latticeErrorOf, useDirectory } from './support.ts';

/** The name of a variable in the table, of any name that it is read by. */
const bare = (name: string): string =>
  VARIABLES.find((variable) => namesOf(variable).includes(name))?.name ?? expect.fail(name);

describe('the env files of the original’s history [N19, N20]', () => {
  const dir = useDirectory();

  it('are all 36 versions, each once', () => {
    expect(ORIGINAL_ENV).toHaveLength(36);
    expect(new Set(ORIGINAL_ENV.map(({ file, version }) => `${file} ${version}`)).size).toBe(36);
  });

  it.each(ORIGINAL_ENV)('$file of $version: start $becomes.start', ({ text, becomes }) => {
    const { start, flaws = [], p2p = 'off', readOnly = [], warns = [], from = true } = becomes;
    const path = join(dir(), 'node.env');
    writeFileSync(path, text, { mode: 0o600 });
    const options = { env: {}, cwd: dir(), envFile: 'node.env' };
    const { config, problems, p2pProblems } = inspectConfig(options);
    // One list has everything, each flaw with what to do about it.
    const all = [...problems, ...p2pProblems];
    expect(all.map(({ variable }) => bare(variable)).toSorted()).toEqual([...flaws].toSorted());
    for (const { rule, fix } of all)
      expect([rule, fix]).toEqual([expect.stringMatching(/placeholder/), expect.any(String)]);
    if (start === 'refused') {
      const { message } = latticeErrorOf(() => loadConfig(options));
      for (const name of [...flaws, ...warns]) expect(message).toContain(name);
    } else {
      expect(loadConfig(options)).toEqual(config);
      expect(config.p2p.enabled ? (config.p2p.flaws.length > 0 ? 'failed' : 'on') : 'off').toBe(p2p);
    }
    const { violations, warnings } = config;
    expect(
      violations.map((sentence) => readOnly.find((name) => sentence.includes(name)) ?? sentence).toSorted(),
    ).toEqual([...readOnly].toSorted());
    for (const name of warns) expect(warnings.join('\n')).toContain(name);
    // Every line that a node has no use for is told, unless it is for another program.
    if (warns.length === 0) expect(warnings.filter((sentence) => !sentence.startsWith('The API listens'))).toEqual([]);
    expect(readOldNode(path, 'node.env').problems.length === 0).toBe(from);
  });
});
