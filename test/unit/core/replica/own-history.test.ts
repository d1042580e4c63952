import { describe, expect, it } from 'vitest';
import { createOwnHistory, OWN_COMMITS, type OwnHistory } from '../../../../src/core/replica/own-history.ts';
import type { RowWrite } from '../../../../src/core/replica/step.ts';
import { decodeOwnCommit, decodeOwnSince, OWN_SINCE, type OwnCommit } from '../../../../src/core/rows/index.ts';
import { type Bytes, bytesToHex, type Fragment, type Hlc } from '../../../../src/core/types/index.ts';
import { hasher } from './support.ts';

const hlc = (n: number): Hlc => BigInt(n) as Hlc;
const idOf = (n: number): Bytes => hasher.hash(new TextEncoder().encode(`commit ${n}`));

/** A commit with this HLC, as far as the history looks at it. */
const commit = (n: number): Fragment => ({ header: { hlc: hlc(n) }, idBytes: idOf(n) }) as unknown as Fragment;

/** A history with what it has written, so that it can be opened again. */
class Stored {
  readonly rows = new Map<string, Bytes>();
  history: OwnHistory = createOwnHistory(hasher);

  keep(...rows: readonly (RowWrite | undefined)[]): void {
    for (const row of rows) if (row?.type === 'put') this.rows.set(bytesToHex(row.key), row.value);
  }

  make(...ns: readonly number[]): void {
    for (const n of ns) this.keep(this.history.made(commit(n)));
  }

  settle(told: number, seen: number): void {
    this.keep(...this.history.settle(hlc(told), hlc(seen)));
  }

  /** As after a start. `committed` is what the state knows of the node's own commits. */
  reopen(committed: number): void {
    this.history = createOwnHistory(hasher);
    const since = this.rows.get(bytesToHex(OWN_SINCE));
    const commits: OwnCommit[] = [];
    for (const [key, value] of this.rows) {
      const one = key === bytesToHex(OWN_SINCE) ? undefined : decodeOwnCommit(value, hasher);
      if (one !== undefined) commits.push(one);
    }
    this.history.load(since === undefined ? undefined : decodeOwnSince(since, hasher), commits, hlc(committed));
  }

  judge(n: number, id = idOf(n)): string {
    return this.history.judge(hlc(n), id);
  }
}

describe('own history', () => {
  it('knows what the node made, and that the rest after its beginning is of a clone [N16, N7]', () => {
    const stored = new Stored();
    stored.settle(0, 10);
    stored.make(20, 30);
    expect([stored.judge(20), stored.judge(30)]).toEqual(['made', 'made']);
    expect([stored.judge(10), stored.judge(5)]).toEqual(['before', 'before']);
    expect([stored.judge(11), stored.judge(25), stored.judge(31)]).toEqual(['unmade', 'unmade', 'unmade']);
    expect(stored.judge(30, idOf(31))).toBe('unmade');
  });

  it('is the same after a restart, and takes what comes before the gate opens for fetched back [N8, N16]', () => {
    const stored = new Stored();
    stored.settle(0, 10);
    stored.make(20, 30);
    stored.reopen(30);
    expect([stored.judge(20), stored.judge(25), stored.judge(40)]).toEqual(['made', 'before', 'before']);
    stored.settle(30, 30);
    expect([stored.judge(20), stored.judge(25), stored.judge(40)]).toEqual(['made', 'unmade', 'unmade']);
  });

  it('takes what comes for fetched back again when the first others of a running node are named [N8, N18]', () => {
    const stored = new Stored();
    stored.settle(0, 0);
    stored.make(20, 30);
    expect([stored.judge(10), stored.judge(40)]).toEqual(['unmade', 'unmade']);
    stored.history.reopen();
    stored.keep(...stored.history.adopt(hlc(30)));
    expect([stored.judge(10), stored.judge(20), stored.judge(40)]).toEqual(['before', 'made', 'before']);
    stored.keep(stored.history.fetchedBack(hlc(40)));
    stored.settle(40, 40);
    expect([stored.judge(10), stored.judge(40), stored.judge(41)]).toEqual(['before', 'before', 'unmade']);
  });

  it('of an old copy ends where peers say that it goes on, also after the next restart [N8, N16]', () => {
    const stored = new Stored();
    stored.settle(0, 10);
    stored.make(20);
    // What the lost disk had written is fetched back, the newest first.
    stored.reopen(20);
    expect(stored.judge(60)).toBe('before');
    stored.keep(stored.history.fetchedBack(hlc(60)));
    stored.reopen(60);
    expect([stored.judge(50), stored.judge(20)]).toEqual(['before', 'made']);
    stored.settle(70, 70);
    stored.make(80);
    expect([stored.judge(70), stored.judge(75), stored.judge(80)]).toEqual(['before', 'unmade', 'made']);
    stored.reopen(80);
    stored.settle(80, 80);
    expect([stored.judge(70), stored.judge(75), stored.judge(80)]).toEqual(['before', 'unmade', 'made']);
  });

  it('of an empty store begins where its peers say [N8]', () => {
    const stored = new Stored();
    expect(stored.judge(50)).toBe('before');
    expect(stored.history.fetchedBack(hlc(50))).toBeUndefined();
    stored.settle(60, 50);
    expect([stored.judge(55), stored.judge(61)]).toEqual(['before', 'unmade']);
  });

  it('beyond what it knows by id takes what is not newer for its own [N16]', () => {
    const stored = new Stored();
    stored.settle(0, 0);
    const all = Array.from({ length: OWN_COMMITS + 3 }, (_, i) => 10 * (i + 1));
    stored.make(...all);
    expect([...stored.rows].length).toBe(OWN_COMMITS + 1);
    for (let restart = 0; restart < 2; restart++) {
      expect([stored.judge(10), stored.judge(25), stored.judge(30)]).toEqual(['made', 'made', 'made']);
      expect([stored.judge(40), stored.judge(45), stored.judge(all.length * 10 + 1)]).toEqual([
        'made',
        'unmade',
        'unmade',
      ]);
      stored.reopen(all.length * 10);
      stored.settle(0, 0);
    }
    // The ring goes on where it was.
    stored.make(all.length * 10 + 10);
    expect([...stored.rows].length).toBe(OWN_COMMITS + 1);
    expect([stored.judge(35), stored.judge(40), stored.judge(45)]).toEqual(['made', 'made', 'unmade']);
  });

  it.each(['flipped', 'lost'] as const)('condemns nothing for a row that is %s [N16]', (how) => {
    for (const at of [1, 2, 3]) {
      const stored = new Stored();
      stored.settle(0, 0);
      stored.make(10, 20, 30);
      const key = [...stored.rows.keys()][at] as string;
      const value = (stored.rows.get(key) as Bytes).slice();
      value[20] = (value[20] as number) ^ 1;
      if (how === 'flipped') stored.rows.set(key, value);
      else stored.rows.delete(key);
      stored.reopen(30);
      stored.settle(30, 30);
      expect([10, 20, 30].map((n) => stored.judge(n))).toEqual(['made', 'made', 'made']);
      expect(stored.judge(31)).toBe('unmade');
    }
    const stored = new Stored();
    stored.settle(0, 5);
    stored.make(10);
    const since = bytesToHex(OWN_SINCE);
    const value = (stored.rows.get(since) as Bytes).slice();
    value[7] = (value[7] as number) ^ 1;
    if (how === 'flipped') stored.rows.set(since, value);
    else stored.rows.delete(since);
    stored.reopen(10);
    stored.settle(10, 10);
    expect([5, 10].map((n) => stored.judge(n))).toEqual(['before', 'made']);
  });
});
