import { expect, test } from 'vitest';
import { createLog, createLogRing, teeLog } from '../../../../src/adapters/system/index.ts';

function ringWith(lines: number) {
  const ring = createLogRing('run1');
  const log = createLog({ level: 'debug', format: 'json', destination: ring });
  for (let i = 1; i <= lines; i++) log[i % 10 === 0 ? 'warn' : 'info']({ i }, 'line');
  return { ring, log };
}
const all = { level: 'debug', limit: 2000 } as const;

test('lines come back as they were logged, oldest first, under ids without gaps', () => {
  const { ring } = ringWith(3);
  const { lines, dropped, restarted, next } = ring.read(all);
  expect(lines.map(({ time, ...rest }) => [typeof time, rest])).toEqual(
    [1, 2, 3].map((i) => ['string', { id: `run1-${i}`, level: 'info', i, msg: 'line' }]),
  );
  expect({ dropped, restarted, next }).toEqual({ dropped: 0, restarted: false, next: 'run1-3' });
});

test('reading goes on where it stopped, also when the level let nothing through', () => {
  const { ring, log } = ringWith(25);
  const first = ring.read({ level: 'warn', limit: 1 });
  expect(first.lines.map(({ i }) => i)).toEqual([10]);
  const second = ring.read({ after: first.next, level: 'warn', limit: 5 });
  expect(second.lines.map(({ i }) => i)).toEqual([20]);
  expect(second.next).toBe('run1-25');
  log.error({}, 'bad');
  expect(ring.read({ after: second.next, level: 'warn', limit: 5 }).lines.map(({ msg }) => msg)).toEqual(['bad']);
});

test('it holds the newest 1,000 lines and says how many a reader has missed [M5]', () => {
  const { ring } = ringWith(1500);
  expect(ring.read(all).lines.map(({ i }) => i)).toEqual(Array.from({ length: 1000 }, (_, i) => 501 + i));
  expect(ring.read({ ...all, after: 'run1-100' }).dropped).toBe(400);
  expect(ring.read({ ...all, after: 'run1-500' }).dropped).toBe(0);
  expect(ring.read({ ...all, after: 'run1-1499' }).lines.map(({ i }) => i)).toEqual([1500]);
});

test('long lines are shortened, many bytes push older lines out: at most 1 MiB [M5]', () => {
  const ring = createLogRing('run1');
  const log = createLog({ level: 'info', format: 'json', destination: ring });
  log.child('p2p').error({ text: 'x'.repeat(100_000) }, 'huge');
  const [huge] = ring.read(all).lines;
  expect(huge).toMatchObject({ level: 'error', component: 'p2p', msg: 'huge' });
  expect(huge?.['text']).toBeUndefined();
  expect(huge?.['truncatedBytes']).toBeGreaterThan(100_000);
  for (let i = 0; i < 300; i++) log.info({ text: 'x'.repeat(10_000) }, 'long');
  const held = ring.read(all).lines;
  expect(JSON.stringify(held).length).toBeLessThan(1_100_000);
  expect(held.length).toBeGreaterThan(90);
});

test('an id of another run, or none of ours, starts at the oldest line and says so', () => {
  const { ring } = ringWith(3);
  for (const after of ['run0-99', 'nonsense', '']) {
    const page = ring.read({ ...all, after });
    expect([page.restarted, page.lines.length]).toEqual([true, 3]);
  }
  expect(ring.read({ ...all, after: 'run1-999' })).toMatchObject({ restarted: false, lines: [], next: 'run1-3' });
});

test('the tail is the place before the newest lines of a level', () => {
  const { ring } = ringWith(25);
  expect(ring.tail(2, 'debug')).toBe('run1-23');
  expect(ring.read({ ...all, level: 'warn', after: ring.tail(1, 'warn') }).lines.map(({ i }) => i)).toEqual([20]);
  expect(ring.tail(100, 'debug')).toBe('run1-0');
});

test('followers hear of each line until they leave', () => {
  const { ring, log } = ringWith(0);
  let heard = 0;
  const leave = ring.follow(() => heard++);
  log.info({}, 'a');
  log.info({}, 'b');
  leave();
  log.info({}, 'c');
  expect(heard).toBe(2);
});

test('the ring gets JSON also where the log is text for people, and what goes to another log', () => {
  const ring = createLogRing('run1');
  const text: string[] = [];
  const log = createLog({
    level: 'info',
    format: 'pretty',
    ring,
    destination: { write: (line) => void text.push(line) },
  });
  log.child('api').info({ n: 1 }, 'hello');
  expect(text[0]).toContain('hello');
  expect(ring.read(all).lines).toMatchObject([{ component: 'api', n: 1, msg: 'hello' }]);

  const seen: string[] = [];
  const other = {
    debug() {},
    info: (_: object, m: string) => void seen.push(m),
    warn() {},
    error() {},
    child: () => other,
  };
  teeLog(other, log).child('x').info({}, 'both');
  expect(seen).toEqual(['both']);
  expect(ring.read(all).lines.at(-1)).toMatchObject({ component: 'x', msg: 'both' });
});

test('secrets are struck out wherever they stand, in every copy of the line [M6]', () => {
  const ring = createLogRing('run1');
  const written: string[] = [];
  const secret = 'not-a-real-token-just-a-test';
  const log = createLog({
    level: 'info',
    format: 'json',
    ring,
    secrets: [secret],
    destination: { write: (l) => void written.push(l) },
  });
  log.info({ url: `http://x/?t=${secret}`, deep: { header: `Bearer ${secret}` } }, `a message with ${secret}`);
  log.error({ err: new Error(`failed with ${secret}`) }, 'failed');
  expect(written).toHaveLength(2);
  expect(written.join('')).not.toContain(secret);
  expect(JSON.stringify(ring.read(all))).not.toContain(secret);
  expect(written[0]).toContain('[redacted]');
});
