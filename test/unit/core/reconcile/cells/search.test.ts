import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { COUNTED_CELLS, type SyncMessage } from '../../../../../src/core/wire/index.ts';
import { createState, differenceOf, fill, namesOf, pair, search, serverOf, tampered } from './support.ts';

describe('finding differences by coded symbols', () => {
  it('tells equal states by their roots, without a cell [Y6]', () => {
    const [a, b] = pair(300);
    expect(search(a, serverOf(b))).toMatchObject({ outcome: 'equal', keys: [], cells: 0, failed: false });
  });

  it.each([1, 10, 90])('finds %i differences in one request of 128 cells [Y8]', (d) => {
    const [a, b] = pair(2000);
    for (let i = 0; i < d; i++) (i % 2 === 0 ? a : b).set(`new${i}`, 0);
    const run = search(a, serverOf(b));
    expect(run).toMatchObject({ outcome: 'found' });
    expect(namesOf(run)).toEqual(differenceOf(a, b));
    if (d < 90) expect(run.cells).toBe(128);
  });

  it('finds the true difference of any two states, however it is split (property) [Y1, Y4, Y8, Y9]', () => {
    const seed = fc.nat(1_000_000);
    const split = fc.record({
      seed,
      mine: fc.nat(150),
      theirs: fc.nat(150),
      changed: fc.nat(150),
      oneSided: fc.constantFrom('no', 'mine', 'theirs'),
    });
    fc.assert(
      fc.property(split, ({ seed: s, mine, theirs, changed, oneSided }) => {
        const [a, b] = [createState(), createState()];
        for (const state of [a, b]) fill(state, `${s}/`, 1000);
        if (oneSided !== 'theirs') fill(a, `${s}/a`, mine);
        if (oneSided !== 'mine') fill(b, `${s}/b`, theirs);
        for (let i = 0; i < (oneSided === 'no' ? changed : 0); i++) (i % 2 === 0 ? a : b).set(`${s}/${i}`, 1);
        const run = search(a, serverOf(b));
        const wanted = differenceOf(a, b);
        if (wanted.length === 0) expect(run.outcome).toBe('equal');
        else if (run.outcome === 'abandoned') {
          // Too much of the state differs, by the estimate: never for another reason.
          expect(run.failed).toBe(false);
          expect(mine + theirs + 2 * changed).toBeGreaterThan(250);
        } else expect(namesOf(run)).toEqual(wanted);
      }),
      { numRuns: 60 },
    );
  });

  it.each(['both', 'mine', 'theirs'] as const)(
    'takes about 1.4 cells for each of 3,000 differences, in few requests, new keys on: %s [Y9]',
    (side) => {
      const [a, b] = pair(12_000);
      for (let i = 0; i < 3000; i++) (side === 'mine' || (side === 'both' && i % 2 === 0) ? a : b).set(`new${i}`, 0);
      const run = search(a, serverOf(b));
      expect(run.outcome).toBe('found');
      expect(namesOf(run)).toEqual(differenceOf(a, b));
      expect(run.cells).toBeLessThan(3000 * 2);
      expect(run.requests.length).toBeLessThanOrEqual(8);
    },
  );

  it('leaves it to the descent when most of the state differs, or there is hardly any [Y9]', () => {
    const [a, b] = pair(200);
    fill(a, 'a', 400);
    fill(b, 'b', 400);
    expect(search(a, serverOf(b))).toMatchObject({ outcome: 'abandoned', failed: false });
    const [small, large] = [createState(), createState()];
    fill(small, 'k', 127);
    fill(large, 'k', 130);
    expect(search(small, serverOf(large))).toMatchObject({ outcome: 'abandoned', cells: 128 });
  });

  it('compares one version of either side, whatever changes meanwhile [Y5]', () => {
    const [a, b] = pair(3000);
    for (let i = 0; i < 300; i++) (i % 2 === 0 ? a : b).set(`new${i}`, 0);
    const wanted = differenceOf(a, b);
    const server = serverOf(b);
    let n = 0;
    const run = search(a, (request) => {
      const said = server(request);
      // After each answer both sides go on: new keys, changed ones, some of those that differ, one there and back.
      for (const state of [a, b]) {
        state.set(`late${n}`, 0);
        state.set(`k${n}`, 5);
        state.set(`new${n}`, 7);
        state.set('new200', n % 2);
      }
      n++;
      return said;
    });
    expect(n).toBeGreaterThan(1);
    expect(run.outcome).toBe('found');
    expect(namesOf(run)).toEqual(wanted);
  });

  it('starts again once when its version is gone, then leaves it to the descent [Y5, Y8]', () => {
    const [a, b] = pair(3000);
    for (let i = 0; i < 500; i++) (i % 2 === 0 ? a : b).set(`new${i}`, 0);
    const server = serverOf(b);
    const gone: SyncMessage = { type: 'error', code: 'gone', message: '' };
    let refusals = 1;
    const once = search(a, (request) => (request.root.length > 0 && refusals-- > 0 ? gone : server(request)));
    expect(once.outcome).toBe('found');
    expect(namesOf(once)).toEqual(differenceOf(a, b));
    const always = search(a, (request) => (request.root.length > 0 ? gone : server(request)));
    expect(always).toMatchObject({ outcome: 'abandoned', failed: false });
    expect(always.requests).toHaveLength(4);
  });

  it('leaves it to the descent when the peer knows no cells [Y8]', () => {
    const [a] = pair(300);
    const run = search(a, () => ({ type: 'error', code: 'unknown-version', message: '' }));
    expect(run).toMatchObject({ outcome: 'abandoned', keys: [], failed: false });
    expect(run.requests).toHaveLength(1);
  });

  it('finds the same under a salt [Y10]', () => {
    const [a, b] = pair(2000);
    for (let i = 0; i < 200; i++) (i % 2 === 0 ? a : b).set(`new${i}`, 0);
    const salt = new Uint8Array(8).fill(7);
    const plain: SyncMessage[] = [];
    const salted: SyncMessage[] = [];
    const server = serverOf(b);
    search(a, (request) => (plain.push(server(request)), plain.at(-1) as SyncMessage));
    const run = search(a, (request) => (salted.push(server(request)), salted.at(-1) as SyncMessage), salt);
    expect(namesOf(run)).toEqual(differenceOf(a, b));
    expect(salted[0]).not.toEqual(plain[0]);
  });
});

describe('the answering side of coded symbols', () => {
  const request = (over: Partial<Extract<SyncMessage, { type: 'cells' }>>) => ({
    type: 'cells' as const,
    root: new Uint8Array(0),
    mine: new Uint8Array(0),
    salt: new Uint8Array(0),
    from: 0,
    count: 128,
    ...over,
  });

  it('answers from the version that it named, as long as it keeps it [Y5, Y7]', () => {
    const [, b] = pair(1000);
    let now = 0;
    const server = serverOf(b, () => now);
    const first = server(request({}));
    if (first.type !== 'coded') throw new Error(first.type);
    b.set('k0', 1);
    expect(server(request({ root: first.root }))).toEqual(first);
    expect(server(request({}))).not.toEqual(first);
    now = 59_000;
    expect(server(request({ root: first.root }))).toEqual(first);
    now = 119_001;
    expect(server(request({ root: first.root }))).toMatchObject({ type: 'error', code: 'gone' });
  });

  it('keeps four versions, the last used [Y5, L2]', () => {
    const [, b] = pair(1000);
    const server = serverOf(b);
    const roots = [0, 1, 2, 3].map((i) => {
      b.set('k0', i + 1);
      const said = server(request({}));
      if (said.type !== 'coded') throw new Error(said.type);
      return said.root;
    });
    server(request({ root: roots[0] as Uint8Array }));
    b.set('k0', 9);
    server(request({}));
    const kept = roots.map((root) => server(request({ root })).type);
    expect(kept).toEqual(['coded', 'error', 'coded', 'coded']);
  });

  it('has cells for as many differences as the state could be asked about, and answers fewer beyond [Y7]', () => {
    const [, b] = pair(1000);
    const said = serverOf(b)(request({ from: 2000, count: 100 }));
    expect(said).toMatchObject({ type: 'coded', from: 2000 });
    if (said.type === 'coded') expect(said.cells).toHaveLength(24 * 21);
  });

  it('tells full counts for the first cells only [Y4, Y7]', () => {
    const [, b] = pair(1000);
    const said = serverOf(b)(request({ from: 100, count: 50 }));
    if (said.type !== 'coded') throw new Error(said.type);
    expect(said.counts).toHaveLength((COUNTED_CELLS - 100) * 4);
    expect(said.cells).toHaveLength(50 * 21);
  });

  it('computes salted cells once in ten seconds at most, and for no large state [Y10]', () => {
    const [, b] = pair(300);
    let now = 0;
    const server = serverOf(b, () => now);
    const salted = (byte: number): SyncMessage => server(request({ salt: new Uint8Array(8).fill(byte) }));
    expect(salted(1).type).toBe('coded');
    expect(salted(2)).toMatchObject({ type: 'error', code: 'overloaded' });
    expect(salted(1).type).toBe('coded');
    now = 10_001;
    expect(salted(2).type).toBe('coded');
  });
});

it('a peer that answers something else is no reason to fail: the descent goes on [Y8]', () => {
  const [a, b] = pair(1000);
  b.set('new', 1);
  const wrong: SyncMessage[] = [
    { type: 'pushed', verdicts: [] },
    {
      type: 'coded',
      root: new Uint8Array(32),
      entries: 1000,
      from: 5,
      counts: new Uint8Array(0),
      cells: new Uint8Array(0),
    },
  ];
  for (const message of wrong) expect(search(a, () => message)).toMatchObject({ outcome: 'abandoned', failed: true });
  const longer = tampered(serverOf(b), (coded) => ({
    ...coded,
    cells: new Uint8Array(21 * 129),
    counts: new Uint8Array(512),
  }));
  expect(search(a, longer)).toMatchObject({ outcome: 'abandoned', failed: true });
});
