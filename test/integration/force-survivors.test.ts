import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { CutView, RosterView } from '../../src/runtime/facade/index.ts';
import { type Node, startFleet } from '../support/fleet.ts';
import { type RunningProcess, runCli, untilExit } from '../support/node-process.ts';
import { eventually } from '../support/wait.ts';

const STEPS = ['before', 'within', 'after'] as const;
const CERTIFIED_MS = 120_000;

const read = async <T>(node: Node, path: string): Promise<T> => {
  const answer = await node.api.send('GET', path);
  expect(answer.status, answer.text).toBe(200);
  return answer.json() as T;
};

it('two survivors of four go on by one record, at whatever step of its batch the command is killed on either [RO15, RO16]', async () => {
  // Over one lung, which starts sooner.
  const fleet = await startFleet({ nodes: 4, env: () => ({ P2P_ENABLED: 'false' }) });
  const [a, b, ...lost] = fleet.nodes as [Node, Node, Node, Node];
  await Promise.all(fleet.nodes.map((node, i) => node.api.put(`k/${i}`, i)));
  await fleet.settled();
  const old = await eventually(
    'a cut of all four is complete',
    async () => {
      const answer = await a.api.send('GET', '/api/v1/floor');
      const { at, certificate } = answer.json() as { at?: number; certificate?: string };
      return certificate === undefined ? undefined : { at, certificate };
    },
    CERTIFIED_MS,
  );
  expect(old.at).toBeGreaterThan(0);
  await Promise.all(lost.map((node) => node.kill()));
  await a.api.put('with two of four', 1);
  await fleet.settled([0, 1]);
  await Promise.all([a.kill(), b.kill()]);

  const record = join(fleet.dir, 'force.json');
  const without = ['--without', lost.map(({ name }) => name).join(','), '--out', record];
  const force = (node: Node, words: readonly string[], step?: string): RunningProcess =>
    runCli(['members', 'force', '--env-file', node.envFile, ...words, '--yes'], {
      cwd: fleet.dir,
      ...(step === undefined
        ? {}
        : { preload: [new URL('../support/preload/force-steps.mjs', import.meta.url)], env: { FORCE_STEP: step } }),
    });
  const ended = async (one: RunningProcess): Promise<RunningProcess> => {
    await untilExit(one);
    return one;
  };

  for (const step of STEPS) {
    const { exit } = await ended(force(a, without, step));
    expect([exit?.signal, existsSync(record)]).toEqual(['SIGKILL', false]);
  }
  const first = await ended(force(a, without));
  expect([first.exit?.code, first.stderr]).toMatchObject([0, expect.anything()]);
  const written = readFileSync(record, 'utf8');
  for (const step of STEPS) {
    const { exit } = await ended(force(b, ['--record', record], step));
    // What the batch of an earlier turn made durable is not done once more.
    expect([exit?.signal ?? exit?.code]).not.toEqual([1]);
  }
  expect((await ended(force(b, ['--record', record]))).exit?.code).toBe(0);
  // The same command once more gives the same record, so that no two survivors have two.
  expect((await ended(force(a, without))).exit?.code).toBe(0);
  expect(readFileSync(record, 'utf8')).toBe(written);
  // One who was left out does not take it, and one who goes on takes no other record beside it.
  const [refused] = lost;
  const third = await ended(force(refused, ['--record', record]));
  expect([third.exit?.code, third.stderr]).toEqual([1, expect.stringContaining('left out')]);

  await Promise.all([a.start(), b.start()]);
  await a.api.put('after', 'a');
  await b.api.put('after too', 'b');
  const { entries } = await fleet.settled([0, 1]);
  expect(entries.map(({ key }) => key)).toEqual([
    'after',
    'after too',
    ...fleet.nodes.map((_, i) => `k/${i}`),
    'with two of four',
  ]);
  const rosters = await Promise.all([a, b].map((node) => read<RosterView>(node, '/api/v1/members')));
  expect(new Set(rosters.map(({ hash, epoch }) => `${epoch} ${hash}`)).size).toBe(1);
  const [roster] = rosters as [RosterView];
  const writers = roster.members.filter(({ role }) => role === 'writer').map(({ author }) => author);
  expect(writers.sort()).toEqual([a.author, b.author].sort());
  // Both have to attest: two of two are the majority.
  const certified = await eventually(
    'a cut of the new lineage is certified by both',
    async () =>
      (await read<{ items: CutView[] }>(a, '/api/v1/cuts')).items.find((cut) => cut.certified && cut.epoch === 1),
    CERTIFIED_MS,
  );
  expect([...certified.attesters].sort()).toEqual([a.author, b.author].sort());

  // Whoever pins the founders takes nothing of the new lineage.
  const file = join(fleet.dir, 'cut.certificate');
  const made = await ended(runCli(['cuts', 'certificate', '--out', file, '--env-file', a.envFile], { cwd: fleet.dir }));
  expect([made.exit?.code, made.stderr]).toMatchObject([0, expect.anything()]);
  const words = ['cuts', 'verify', file, '--trust', join(fleet.dir, 'fleet.json')];
  const later = await ended(runCli(words, { cwd: fleet.dir }));
  expect([later.exit?.code, later.stdout + later.stderr]).toEqual([1, expect.stringContaining('was forced')]);

  // Whoever was lost and comes back is told why it is refused, and changes nothing.
  await refused.start();
  await eventually('it is told why', async () =>
    (await refused.api.peers()).some(({ http }) => http.errorCode === 'other-lineage'),
  );
  await refused.api.send('PUT', '/api/v1/state/ghost', { body: 1 });
  expect(await a.api.get('ghost')).toBeUndefined();
  await fleet.stop();
});
