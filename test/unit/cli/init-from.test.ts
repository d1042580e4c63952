import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ORIGINAL_ENV } from '../../support/original-env.ts';
import { errorOf, run } from './support.ts';

const FILES = ['.env.node1.huggingface', '.env.node2.diotec360', '.env.node3.backup'];

describe('init --from', () => {
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'lattice-cli-'));
    for (const { file, version, text } of ORIGINAL_ENV)
      if (FILES.includes(file) && version === 'e8fcc57') writeFileSync(join(dir, file), text, { mode: 0o600 });
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  it('shows what would be another and writes nothing, then writes it and tells where each file goes', async () => {
    const dry = await run(['init', '--from', ...FILES, '--dry-run'], { cwd: dir });
    expect([dry.code, existsSync(join(dir, 'fleet'))]).toEqual([0, false]);
    expect(dry.out).toContain('Nothing was written');
    const made = await run(['init', '--from', ...FILES], { cwd: dir });
    expect(made.code).toBe(0);
    for (const part of [
      '--- .env.node2.diotec360\n+++ fleet/node2-diotec360.env\n  DIOTEC360_NODE_NAME=node2-diotec360\n',
      '+ DIOTEC360_API_TOKEN=(a new one)\n',
      'the old files are as they were',
      'api.example: node2-diotec360.env node2-diotec360.key',
      'acme-ledger.hf.space: node1-huggingface.env node1-huggingface.key  (a Space takes its variables',
    ])
      expect(made.out).toContain(part);
    const token = /API_TOKEN=(\S+)/.exec(readFileSync(join(dir, 'fleet', 'node3-backup.env'), 'utf8'))?.[1] ?? '';
    expect(made.out).not.toContain(token);
    expect(
      (await run(['config', 'check', '--env-file', 'fleet/node1-huggingface.env'], { cwd: dir })).out,
    ).not.toContain('✗ DIOTEC360');
  });

  it('tells the same to programs, and one list of what is to be decided', async () => {
    const made = await run(['init', '--from', ...FILES, '--dry-run', '--json'], { cwd: dir });
    expect(JSON.parse(made.out)).toMatchObject({
      written: false,
      nodes: [{ name: 'node1-huggingface' }, {}, {}],
      diffs: [{ from: '.env.node1.huggingface', to: 'node1-huggingface.env' }, {}, {}],
    });
    const bad = await run(['init', '--from', FILES[0] ?? '', FILES[0] ?? '', 'missing', '--json'], { cwd: dir });
    expect([bad.code, errorOf(bad).code]).toEqual([2, 'invalid-fleet']);
    for (const part of ['both name node1-huggingface', 'missing: ', 'cannot be read'])
      expect(errorOf(bad).message).toContain(part);
    expect((await run(['init', '--from', 'a', '--nodes', '3'], { cwd: dir })).code).toBe(2);
    expect((await run(['init', '--dry-run'], { cwd: dir })).code).toBe(2);
  });
});
