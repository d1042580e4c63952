import { beforeEach, describe, expect, it } from 'vitest';
import { LatticeError } from '../../../../src/core/types/index.ts';
import {
  type Change,
  type Changes,
  type ChangesOptions,
  followChanges,
} from '../../../../src/runtime/streams/changes.ts';
import { outcomeOf, turns, until } from '../support.ts';
import { openStreamsRig, type StreamsRig } from './support.ts';

let rig: StreamsRig;
let node: AbortController;
/** How many subscriptions are open. */
let open: number;

beforeEach(async () => {
  rig = await openStreamsRig();
  node = new AbortController();
  open = 0;
});

function follow(options: ChangesOptions = {}): Changes {
  return followChanges(
    async (after, send, dropped) => {
      const { close } = await rig.streams.openEvents(after, send, () => {
        open--;
        dropped?.();
      });
      open++;
      return {
        close() {
          open--;
          close();
        },
      };
    },
    options,
    node.signal,
  );
}

const batch = (...keys: readonly string[]): Promise<unknown> =>
  rig.state.writer.write({ operations: keys.map((key) => ({ kind: 'put' as const, key, value: key })) });

async function take(changes: Changes, count: number): Promise<string[]> {
  const keys: string[] = [];
  while (keys.length < count) {
    const { value } = await changes.next();
    if (value === undefined) throw new Error(`the stream ended after ${keys.join()}`);
    keys.push(value.key);
  }
  return keys;
}

const numbered = (from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, i) => `k${String(from + i).padStart(5, '0')}`);

describe('the changes as a stream', () => {
  it('begins with the call, before the first next, and keeps the order [A8]', async () => {
    const changes = follow();
    await batch('a', 'b');
    await batch('c');
    expect(await take(changes, 3)).toEqual(['a', 'b', 'c']);
    const waiting = changes.next();
    await rig.state.writer.write({ operations: [{ kind: 'delete', key: 'a' }] });
    expect((await waiting).value).toMatchObject({ key: 'a', deleted: true, author: rig.state.self.author });
  });

  it('has the changes of a prefix alone, and a cursor that goes past the others [A8]', async () => {
    const changes = follow({ prefix: 'a/' });
    await batch('b/1', 'a/1', 'b/2');
    expect(await take(changes, 1)).toEqual(['a/1']);
    expect(changes.cursor).toBe(rig.at(1));
    await batch('b/3');
    await turns();
    expect(changes.cursor).toBe(rig.at(2));
    await changes.return();
    const later = follow({ prefix: 'a/', after: changes.cursor });
    await batch('a/2');
    expect(await take(later, 1)).toEqual(['a/2']);
  });

  it('goes on after any change without a gap or a repetition [A8]', async () => {
    await batch('a', 'b', 'c');
    await batch('d');
    const all: Change[] = [];
    for await (const change of follow({ after: rig.at(0) })) if (all.push(change) === 4) break;
    expect(all.map(({ key }) => key)).toEqual(['a', 'b', 'c', 'd']);
    for (const [i, { id }] of all.slice(0, 3).entries())
      expect(await take(follow({ after: id }), 3 - i), id).toEqual(['b', 'c', 'd'].slice(i));
  });

  it('a reader that is slow misses nothing and leaves the node free: the journal keeps what it has not read', async () => {
    const changes = follow();
    await turns();
    const keys = numbered(0, 3000);
    for (let i = 0; i < keys.length; i += 250) await batch(...keys.slice(i, i + 250));
    // The buffer is full, and the node has let the reader go.
    expect(open).toBe(0);
    expect(await take(changes, keys.length)).toEqual(keys);
    await batch('live again');
    expect(await take(changes, 1)).toEqual(['live again']);
    expect(open).toBe(1);
  });

  it('tells a cursor that is lost, with the one to go on from [A8]', async () => {
    await batch('a');
    for (const after of ['00.1', rig.at(7), 'nonsense']) {
      const changes = follow({ after });
      const error = await changes.next().catch((e: unknown) => e);
      expect(error).toBeInstanceOf(LatticeError);
      expect(error).toMatchObject({ code: 'cursor-lost', details: { cursor: rig.at(1) } });
      expect(await changes.next()).toEqual({ done: true, value: undefined });
    }
    const again = follow({ after: rig.at(1) });
    await batch('b');
    expect(await take(again, 1)).toEqual(['b']);
  });

  it('ends when its signal is aborted, before or while somebody waits', async () => {
    const abort = new AbortController();
    const changes = follow({ signal: abort.signal });
    const waiting = changes.next();
    await until('the subscription is open', () => open === 1);
    abort.abort();
    expect(await waiting).toEqual({ done: true, value: undefined });
    expect(open).toBe(0);
    expect(await follow({ signal: abort.signal }).next()).toEqual({ done: true, value: undefined });
    expect(open).toBe(0);
  });

  it('is freed by return, by break and by the end of a block, also while a next waits', async () => {
    const changes = follow();
    await until('it is open', () => open === 1);
    const waiting = outcomeOf(changes.next());
    await turns();
    expect(waiting.state).toBe('pending');
    await changes.return();
    await until('the next has its end', () => waiting.state !== 'pending');
    expect(open).toBe(0);
    {
      await using bound = follow();
      await batch('a');
      expect(await take(bound, 1)).toEqual(['a']);
      expect(open).toBe(1);
    }
    expect(open).toBe(0);
  });

  it('ends after what had come when the node is stopped, and fails with the error of a node that failed [N9]', async () => {
    const stopped = follow();
    await batch('a', 'b');
    expect(await take(stopped, 1)).toEqual(['a']);
    node.abort(new LatticeError('stopping', 'stopped'));
    expect(await take(stopped, 1)).toEqual(['b']);
    expect(await stopped.next()).toEqual({ done: true, value: undefined });

    node = new AbortController();
    const failed = follow();
    const waiting = failed.next().catch((error: unknown) => error);
    const failure = new LatticeError('store-write-failed', 'no room');
    node.abort(failure);
    expect(await waiting).toBe(failure);
    expect(
      await follow()
        .next()
        .catch((error: unknown) => error),
    ).toBe(failure);
  });

  it('fails as the subscription is refused', async () => {
    const refused = new LatticeError('overloaded', 'too many');
    const changes = followChanges(() => Promise.reject(refused), {}, node.signal);
    expect(await changes.next().catch((error: unknown) => error)).toBe(refused);
  });
});
