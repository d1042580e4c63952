import { beforeEach, describe, expect, it } from 'vitest';
import { openStreamsRig, other, reader, type StreamsRig } from './support.ts';

let rig: StreamsRig;
const { author } = reader;

beforeEach(async () => {
  rig = await openStreamsRig();
});

describe('consumers of the durable sequence', () => {
  it('get what was written during their replay after it, once and in order [X8]', async () => {
    for (let i = 1; i <= 600; i++) await rig.write(`k${i}`, i);
    const { opening, release } = await rig.heldUp(() => rig.openPush(author, rig.at(0)));
    await rig.write('live1', 'x');
    await rig.write('live2', 'y');
    release();
    const { seen } = await opening;
    await rig.write('live3', 'z');
    const values = seen.filter((word) => !word.startsWith('cursor'));
    expect(values).toEqual([
      ...Array.from({ length: 600 }, (_, i) => `k${i + 1}=${i + 1}`),
      'live1="x"',
      'live2="y"',
      'live3="z"',
    ]);
  });

  it('are dropped when they take no more: live, during the replay, and after it', async () => {
    const { streams } = rig;
    await rig.write('a', 1);
    await rig.write('b', 2);
    const live = await rig.openPush(author);
    const untouched = await rig.openPush(author);
    live.room = 0;
    await rig.write('c', 3);
    await rig.write('d', 4);
    expect([live.closed, untouched.seen]).toEqual([1, ['cursor 2', 'c=3', 'd=4']]);

    const replayed = await rig.openPush(other.author, rig.at(0), 1);
    expect(replayed.closed).toBe(1);
    expect(streams.streamsTo(other.author)).toBe(false);
    replayed.room = 100;
    await rig.write('e', 5);
    streams.publishHead(rig.state.self.head());
    expect(replayed.seen).toEqual(['a=1']);

    const { opening, release } = await rig.heldUp(() => rig.openPush(other.author, rig.at(4), 1));
    await rig.write('f', 6);
    await rig.write('g', 7);
    release();
    const late = await opening;
    expect([late.seen, late.closed, streams.streamsTo(other.author)]).toEqual([['e=5'], 1, false]);
  });

  it('are dropped when they throw, and all others are served', async () => {
    const { state, streams } = rig;
    const before = await rig.openPush(author);
    let calls = 0;
    const broken = (): never => {
      calls++;
      throw new Error('a broken socket');
    };
    await streams.openEvents(undefined, broken);
    const after = await rig.openPush(other.author);
    await rig.write('a', 1);
    await rig.write('b', 2);
    expect([before.seen, after.seen, calls]).toEqual([['cursor 0', 'a=1', 'b=2'], ['cursor 0', 'a=1', 'b=2'], 1]);
    expect(state.fatal).toEqual([]);
  });

  it('that throw while they catch up are told so, and leave nobody behind', async () => {
    await rig.write('a', 1);
    let room = 1;
    const { opening, release } = await rig.heldUp(() =>
      rig.streams.openPush(
        author,
        rig.at(0),
        () => {
          if (room-- > 0) return true;
          throw new Error('a broken socket');
        },
        () => undefined,
      ),
    );
    await rig.write('b', 2);
    release();
    await expect(opening).rejects.toThrow('a broken socket');
    expect(rig.streams.streamsTo(author)).toBe(false);
  });

  it('are dropped when more than 10,000 batches wait behind their replay', async () => {
    await rig.write('a', 1);
    const seen: unknown[] = [];
    let closed = 0;
    const { opening, release } = await rig.heldUp(() =>
      rig.streams.openPush(
        author,
        rig.at(0),
        (frame) => seen.push(frame) > 0,
        () => void closed++,
      ),
    );
    const step = rig.state.applied[0]?.step;
    if (step === undefined) throw new Error('no step');
    for (let i = 0; i < 10_000; i++) rig.streams.publish({ sequence: 2 + i, step, pushed: [] });
    expect(closed).toBe(0);
    rig.streams.publish({ sequence: 10_002, step, pushed: [] });
    expect(closed).toBe(1);
    release();
    await opening;
    expect([seen, closed]).toEqual([[], 1]);
  });

  it('are dropped when more than 16,384 changes wait behind their replay [L2]', async () => {
    await rig.write('a', 1);
    const { opening, release } = await rig.heldUp(() => rig.openPush(author, rig.at(0)));
    const step = rig.state.applied[0]?.step;
    const changed = step?.changed[0];
    if (step === undefined || changed === undefined) throw new Error('no step');
    const of = (changes: number) => ({ ...step, changed: Array.from({ length: changes }, () => changed) });
    for (let i = 0; i < 16; i++) rig.streams.publish({ sequence: 2 + i, step: of(1024), pushed: [] });
    expect(rig.streams.streamsTo(author)).toBe(true);
    rig.streams.publish({ sequence: 18, step: of(1), pushed: [] });
    expect(rig.streams.streamsTo(author)).toBe(false);
    release();
    expect(await opening).toMatchObject({ closed: 1, seen: [] });
  });

  it('are shown while they are there, and gone once they are closed', async () => {
    const { streams } = rig;
    const stream = await rig.openPush(author);
    expect([streams.streamsTo(author), streams.streamsTo(other.author)]).toEqual([true, false]);
    stream.close();
    expect(streams.streamsTo(author)).toBe(false);
    const open = await rig.openPush(author);
    streams.closeAll();
    expect([streams.streamsTo(author), open.closed]).toEqual([false, 1]);
  });

  it('are 512 at most', async () => {
    for (let i = 0; i < 512; i++) await rig.openPush(author);
    await expect(rig.openPush(other.author)).rejects.toMatchObject({ code: 'overloaded' });
  });

  it('end with what cannot be read from the store, and leave nobody behind', async () => {
    await rig.write('a', 1);
    rig.pause = Promise.reject(new Error('read failed'));
    rig.pause.catch(() => undefined);
    await expect(rig.openPush(author, rig.at(0))).rejects.toThrow('read failed');
    expect(rig.streams.streamsTo(author)).toBe(false);
  });
});
