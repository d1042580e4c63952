import { afterEach, expect, it } from 'vitest';
import { NO_VOTES, type Role, stateOf } from '../../../../src/core/roster/index.ts';
import { type Author, bytesToHex, type Fragment } from '../../../../src/core/types/index.ts';
import { keyHash } from '../../../../src/core/wire/index.ts';
import { createRoster } from '../../../../src/runtime/fleet/roster.ts';
import { type AfterEnd, createAfterEnd } from '../../../../src/runtime/upkeep/after-end.ts';
import {
  createAuthor,
  createHandClock,
  EPOCH_MS,
  FOUND,
  hasher,
  log,
  openTestState,
  type TestState,
} from '../support.ts';

const UNTIL = EPOCH_MS + 60_000;
const [first, second, third] = [1, 2, 3].map((id) => createAuthor(id).author) as [Author, Author, Author];
const gone = createAuthor(9);
const running: AfterEnd[] = [];
afterEach(() => {
  for (const one of running.splice(0)) one.stop();
});

/** A node of the fleet of 1 to 3, whose roster has retired `gone`. */
async function open(id: number, role: Role = 'writer', floor?: number) {
  const clock = createHandClock(UNTIL + 10_000);
  const state = await openTestState({ id, clock });
  const { replica, writer } = state;
  const self = createAuthor(id).author;
  const roster = createRoster([first, second, third, gone.author], self, hasher);
  const { roster: before, hash } = roster.present.state;
  const members = before.members.map((member) =>
    member.author === gone.author
      ? { ...member, role: 'retired' as const, until: UNTIL }
      : { ...member, role: member.author === self ? role : member.role },
  );
  const next = { ...before, epoch: 1, previous: hash, members };
  roster.take({ state: stateOf(next, new Set(), hasher), start: 1, certificate: new Uint8Array(1) }, NO_VOTES);
  const afterEnd = createAfterEnd({
    self,
    roster,
    replica,
    entries: state.entries,
    writer,
    guard: { isOpen: () => true, reasons: () => [] },
    floor: () => floor,
    nameOf: (author) => author,
    clock,
    log,
  });
  running.push(afterEnd);
  return { self, clock, state, afterEnd, warned: () => afterEnd.warnings().map(({ code }) => code) };
}
type Node = Awaited<ReturnType<typeof open>>;

const take = async ({ state }: Pick<Node, 'state'>, ...fragments: Fragment[]): Promise<void> => {
  for (const fragment of fragments) await state.writer.apply(fragment, FOUND);
};
const rootOf = ({ state }: Pick<Node, 'state'>): string => bytesToHex(state.replica.tree.root());
const commitsOf = (state: TestState): Fragment[] => state.applied.flatMap(({ step }) => step.commits);
const valueOf = async (node: Node, key: string) => {
  const entry = await node.state.entries.get({ keyHash: keyHash(key, hasher) }, (read) => node.state.writer.read(read));
  return entry?.siblings.map(({ author, operation }) => [author, operation.kind === 'put' ? operation.value : null]);
};

/** What a staying writer acknowledged, what replaced it after the end, and one more from before the end. */
function written(): { readonly seen: Fragment; readonly late: Fragment; readonly good: Fragment } {
  const seen = createAuthor(2).commit({ k: 'stays' }, { ms: EPOCH_MS });
  const context = [{ author: second, hlc: seen.header.hlc }];
  const late = gone.commit({ k: 'late', l: 'late' }, { ms: UNTIL + 1, context });
  return { seen, late, good: gone.commit({ g: 'good' }, { ms: UNTIL }) };
}

it('what one writer took of a retired author after its end becomes its own, and the roots equal [RO12]', async () => {
  const { seen, late, good } = written();
  const [has, refused] = [await open(1), await open(2)];
  await take(has, seen, late, good);
  await take(refused, seen, good);
  for (const node of [has, refused]) node.afterEnd.start();
  expect([has.warned(), refused.warned()]).toEqual([['after-end'], []]);
  await has.clock.advance(20_000);
  expect(await valueOf(has, 'k')).toEqual([[first, 'late']]);
  expect(await valueOf(has, 'g')).toEqual([[gone.author, 'good']]);
  expect(rootOf(has)).not.toBe(rootOf(refused));
  await take(refused, ...commitsOf(has.state));
  expect(rootOf(has)).toBe(rootOf(refused));
  // Nothing is written again: it is done.
  const before = commitsOf(has.state).length;
  await has.clock.advance(20_000);
  expect([commitsOf(has.state).length, has.warned()]).toEqual([before, []]);
});

it('a second writer that took it as well leaves it to the first one, and what it had written itself stays [RO12]', async () => {
  const { seen, late } = written();
  // Writers have their turns in the order of their keys.
  const [early, latest] = first < third ? [1, 3] : [3, 1];
  const [one, two] = [await open(early), await open(latest)];
  const own = await two.state.writer.write({ operations: [{ kind: 'put', key: 'k', value: 'mine' }] });
  expect(own.ok).toBe(true);
  await take(one, seen, late);
  await take(two, seen, late);
  one.afterEnd.start();
  two.afterEnd.start();
  await one.clock.advance(8_000);
  await take(two, ...commitsOf(one.state));
  await two.clock.advance(20_000);
  await take(one, ...commitsOf(two.state));
  expect(rootOf(one)).toBe(rootOf(two));
  const values = await valueOf(one, 'k');
  expect(values).toContainEqual([two.self, 'mine']);
  expect(values?.map(([author]) => author)).not.toContain(gone.author);
  expect(await valueOf(two, 'l')).toEqual([[one.self, 'late']]);
});

it('a node that never writes takes it out, and gets from others what it had replaced [RO12]', async () => {
  const { seen, late, good } = written();
  const [mirror, writer] = [await open(1, 'mirror'), await open(2)];
  await take(mirror, seen, late, good);
  await take(writer, seen, good);
  mirror.afterEnd.start();
  await mirror.clock.advance(1_000);
  expect([await valueOf(mirror, 'k'), await valueOf(mirror, 'l')]).toEqual([undefined, undefined]);
  await take(mirror, seen);
  expect(rootOf(mirror)).toBe(rootOf(writer));
});

it('under a floor the register tells what counts, and nothing is written for anybody [RO12]', async () => {
  const { late } = written();
  const node = await open(1, 'writer', EPOCH_MS);
  await take(node, late);
  node.afterEnd.start();
  await node.clock.advance(20_000);
  expect([commitsOf(node.state), node.warned()]).toEqual([[], []]);
});
