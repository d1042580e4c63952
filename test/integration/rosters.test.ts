import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { createSigner, loadOrCreateKey } from '../../src/adapters/system/index.ts';
import type { ChangeAction, ChangeView, RosterView } from '../../src/runtime/facade/index.ts';
import { type Node, startFleet } from '../support/fleet.ts';
import { runCli, untilExit } from '../support/node-process.ts';
import { eventually } from '../support/wait.ts';

const read = async <T>(node: Node, path: string): Promise<T> => {
  const answer = await node.api.send('GET', path);
  expect(answer.status, answer.text).toBe(200);
  return answer.json() as T;
};
const rosterOf = (node: Node): Promise<RosterView> => read(node, '/api/v1/members');

async function propose(node: Node, action: ChangeAction): Promise<string> {
  const answer = await node.api.send('POST', '/api/v1/members/changes', { body: action });
  expect(answer.status, answer.text).toBe(201);
  return (answer.json() as ChangeView).id;
}

/** Asks for a change at the first node and approves it at the others. */
async function approve(nodes: readonly Node[], action: ChangeAction): Promise<string> {
  const [first, ...others] = nodes as [Node, ...Node[]];
  const id = await propose(first, action);
  for (const node of others)
    await eventually(`${node.name} approves`, async () => {
      const answer = await node.api.send('POST', `/api/v1/members/changes/${id}/approve`);
      return answer.status === 200;
    });
  return id;
}

/** Resolves once all have the roster of the epoch, which is one. */
async function agreed(epoch: number, nodes: readonly Node[]): Promise<RosterView> {
  const views = await Promise.all(
    nodes.map((node) =>
      eventually(`${node.name} has epoch ${epoch}`, async () => {
        const view = await rosterOf(node);
        return view.epoch === epoch ? view : undefined;
      }),
    ),
  );
  expect(new Set(views.map(({ hash }) => hash)).size).toBe(1);
  return views[0] as RosterView;
}

it('a fourth node joins over HTTP alone and becomes a writer over P2P alone; a key is rotated and the oldest node retires, whoever dies meanwhile [RO4, RO6, RO7, RO8]', async () => {
  const fleet = await startFleet({ nodes: 4, start: [] });
  const [a, b, c, d] = fleet.nodes as [Node, Node, Node, Node];
  const founders = [a, b, c].map(({ author }) => author).join(',');
  for (const node of fleet.nodes) node.configure({ TRUSTED_STATE_PUBKEYS: founders });
  await Promise.all(fleet.nodes.map((node) => node.start()));
  await a.api.put('before', 1);
  await fleet.settled();

  fleet.block('cut', { lung: 'p2p' });
  await approve([a, b], { kind: 'add', author: d.author as never, name: 'four', role: 'mirror' });
  const joined = await agreed(1, fleet.nodes);
  expect(joined.members.find(({ author }) => author === d.author)).toMatchObject({ name: 'four', role: 'mirror' });
  expect((await d.api.status()).readOnlyReasons.map(({ code }) => code)).toEqual(['mirror']);
  fleet.restore();

  fleet.block('cut', { lung: 'http' });
  await approve([b, c], { kind: 'promote', author: d.author as never });
  await agreed(2, fleet.nodes);
  fleet.restore();
  await d.api.put('by the fourth', 4);
  await fleet.settled();

  // The proposer of most decisions is gone while one runs; the others end it, and it takes the chain when it is back.
  const keyFile = `${c.keyFile}.new`;
  const next = createSigner(loadOrCreateKey(keyFile).seed).author;
  await approve([a, b, d], { kind: 'rotate', author: c.author as never, to: next });
  await a.kill();
  const rotated = await agreed(3, [b, c, d]);
  expect(rotated.members.find(({ author }) => author === c.author)?.role).toBe('retired');
  await a.start();
  await agreed(3, fleet.nodes);

  const id = await approve([b, d, a], { kind: 'retire', author: a.author as never });
  // Of four writers the new key has no node yet, so all others have to vote.
  const last = await agreed(4, fleet.nodes);
  expect(last.members.find(({ author }) => author === a.author)?.until).toBeGreaterThan(Date.now());
  expect(await read<ChangeView>(b, `/api/v1/members/changes/${id}`)).toMatchObject({ stage: 'decided', epoch: 4 });
  await a.api.put('until its end', 'a');
  const { entries } = await fleet.settled();
  expect(entries.map(({ key }) => key)).toEqual(['before', 'by the fourth', 'until its end']);

  // A key that is retired never writes again once its node has started anew, and the rosters are there without a peer.
  await Promise.all(fleet.nodes.map((node) => node.kill()));
  await a.start();
  expect((await rosterOf(a)).hash).toBe(last.hash);
  await eventually('a is read-only', async () =>
    (await a.api.status()).readOnlyReasons.some(({ code }) => code === 'retired'),
  );
  rmSync(keyFile);
  await fleet.stop();
});

it('whatever a node had done of a decision when it was killed, the fleet decides one roster, and nobody votes twice [RO4, RO9]', async () => {
  const steps = mkdtempSync(join(tmpdir(), 'lattice-ballots-'));
  const fleet = await startFleet({
    // Over one lung, which starts sooner.
    env: () => ({ P2P_ENABLED: 'false' }),
    surroundings: () => ({
      preload: [new URL('../support/preload/ballot-steps.mjs', import.meta.url)],
      env: { STEPS_DIR: steps },
    }),
  });
  const [a, b, c] = fleet.nodes as [Node, Node, Node];
  const hasDied = (): boolean => fleet.nodes.some(({ process }) => process.exit !== undefined);
  /** Has a and b approve a change. One of them may be killed before it has answered. */
  async function ask(name: string): Promise<void> {
    const author = createSigner(randomBytes(32)).author;
    const id = await propose(a, { kind: 'add', author, name, role: 'mirror' });
    await eventually(
      `${name} is approved`,
      async () => hasDied() || (await b.api.send('POST', `/api/v1/members/changes/${id}/approve`)).status === 200,
    );
  }
  /** Everybody is killed and starts again. */
  async function again(): Promise<void> {
    rmSync(join(steps, 'step'), { force: true });
    await Promise.all(fleet.nodes.map((node) => node.kill()));
    fleet.restore();
    await Promise.all(fleet.nodes.map((node) => node.start()));
  }
  let epoch = 0;
  async function killedAt(step: string): Promise<void> {
    writeFileSync(join(steps, 'step'), step);
    await ask(step);
    await eventually(`a node is killed once it has ${step}`, hasDied);
  }
  interface Vote {
    readonly kind: string;
    readonly author: string;
    readonly epoch: number;
    readonly ballot: unknown;
  }
  const votes = (): readonly Vote[] =>
    readFileSync(join(steps, 'votes'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Vote);
  for (const step of ['proposed', 'accepted']) {
    await killedAt(step);
    const dead = fleet.nodes.find(({ process }) => process.exit !== undefined);
    const before = votes();
    const proposed = before.findLast(({ kind, epoch: of }) => kind === 'acceptance' && of === epoch + 1);
    await again();
    await agreed(++epoch, fleet.nodes);
    // What it had accepted when it was killed it says again.
    const later = votes().slice(before.length);
    expect(later).toContainEqual({ ...proposed, author: dead?.author, attested: expect.any(Number) as number });
  }
  // A store that is new votes once both others have told what they heard, so all vote before one is cut off.
  for (const node of fleet.nodes)
    await eventually(`${node.name} votes`, async () => (await rosterOf(node)).abstains === undefined);
  // Decided by those two, who have told nobody; the third hears of it once all are there again.
  for (const one of [0, 1]) fleet.block('cut', { between: [one, 2] });
  await killedAt('decided');
  expect((await rosterOf(c)).epoch).toBe(epoch);
  await again();
  await agreed(++epoch, fleet.nodes);

  const byBallot = new Map<string, Set<string>>();
  for (const vote of votes()) {
    const name = JSON.stringify([vote.kind, vote.author, vote.epoch, vote.ballot]);
    byBallot.set(name, (byBallot.get(name) ?? new Set()).add(JSON.stringify(vote)));
  }
  // Each decision has at least two promises and two votes for the roster.
  expect(byBallot.size).toBeGreaterThanOrEqual(4 * epoch);
  expect([...byBallot.values()].filter(({ size }) => size > 1)).toEqual([]);
  for (const node of fleet.nodes) expect(await read(node, '/api/v1/evidence')).toMatchObject({ items: [] });
  await fleet.stop();
  rmSync(steps, { recursive: true });
});

it('keys turn while everybody writes and no node is restarted: every acknowledged write is on every node in the end, and roots are equal [RO8, RO18]', async () => {
  const fleet = await startFleet();
  await fleet.settled();
  const acknowledged = new Map<string, number>();
  const counts = new Map<Node, number>();
  const over = new AbortController();
  const refused: string[] = [];
  /** Writes one value after the other. What is not acknowledged may be there or not. */
  async function load(node: Node): Promise<void> {
    for (let n = 0; !over.signal.aborted; n++) {
      const key = `${node.name}/${n}`;
      try {
        await node.api.put(key, n);
        acknowledged.set(key, n);
        counts.set(node, (counts.get(node) ?? 0) + 1);
      } catch (error) {
        refused.push(String(error));
        await setTimeout(50);
      }
    }
  }
  const loads = fleet.nodes.map(load);
  const writesMore = (node: Node, what: string): Promise<boolean> => {
    const before = counts.get(node) ?? 0;
    return eventually(`${node.name} ${what}`, () => (counts.get(node) ?? 0) > before + 20);
  };
  for (const node of fleet.nodes) await writesMore(node, 'writes');

  const [, b, c] = fleet.nodes as [Node, Node, Node];
  async function turnKey(node: Node): Promise<void> {
    const words = ['--env-file', node.envFile, '--fleet', join(fleet.dir, 'fleet.json'), '--yes', '--timeout', '60'];
    const { pid } = node.process;
    const command = runCli(['members', 'rotate', ...words], { cwd: fleet.dir });
    expect(await untilExit(command), command.stderr).toMatchObject({ code: 0 });
    expect(command.stdout).not.toContain('Restart');
    await writesMore(node, 'writes under its new key');
    expect([node.process.pid, node.process.exit]).toEqual([pid, undefined]);
    expect((await node.api.status()).author).not.toBe(node.author);
  }
  // Nothing is asked for after which nobody could decide, so the others have to hear one new key before the next turns.
  for (const node of [b, c]) {
    await turnKey(node);
    await fleet.status(0, 'it hears both others', ({ verdict }) => verdict.kind === 'CONVERGED', 120_000);
  }
  over.abort();
  await Promise.all(loads);

  // Writes wait for the new key, and none is refused because the key turned.
  expect(refused).toEqual([]);
  const { entries } = await fleet.settled();
  const values = new Map(entries.map(({ key, value }) => [key, value]));
  expect([...acknowledged].filter(([key, n]) => values.get(key) !== n)).toEqual([]);
  // A former key is nobody who is missing, has a name too many or goes by an earlier roster.
  for (const { api } of fleet.nodes) {
    const { verdict, warnings } = await api.status();
    expect(verdict.kind).toBe('CONVERGED');
    expect(warnings.filter(({ code }) => ['same-name', 'behind', 'other-trust-list'].includes(code))).toEqual([]);
  }
  const { members, epoch } = await agreed(2, fleet.nodes);
  expect([epoch, members.filter(({ role }) => role === 'writer').length]).toEqual([2, 3]);
  for (const node of [b, c]) expect(members.find(({ author }) => author === node.author)?.role).toBe('retired');
  await fleet.stop();
});
