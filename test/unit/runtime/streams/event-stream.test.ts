import { beforeEach, describe, expect, it } from 'vitest';
import { bytesToHex } from '../../../../src/core/types/index.ts';
import type { LatticeEvent } from '../../../../src/runtime/facade/index.ts';
import { outcomeOf, turns, until } from '../support.ts';
import { openStreamsRig, type StreamsRig } from './support.ts';

let rig: StreamsRig;

beforeEach(async () => {
  rig = await openStreamsRig();
});

function short(event: LatticeEvent): string {
  if (event.type === 'transition') return `transition ${event.transition.to}`;
  if (!('id' in event)) return event.type;
  const id = event.id.slice(event.id.indexOf('.') + 1);
  return event.type === 'change' ? `${id} ${event.key}${event.deleted ? ' deleted' : ''}` : `${id} ${event.type}`;
}

async function subscribe(after?: string): Promise<{ seen: string[]; events: LatticeEvent[]; close(): void }> {
  const events: LatticeEvent[] = [];
  const seen: string[] = [];
  const { close } = await rig.streams.openEvents(after, (event) => {
    events.push(event);
    seen.push(short(event));
    return true;
  });
  return { seen, events, close };
}

const batch = (...keys: readonly string[]): Promise<unknown> =>
  rig.state.writer.write({ operations: keys.map((key) => ({ kind: 'put' as const, key, value: key })) });

describe('the stream of events', () => {
  it('tells each change of a batch, then its end with the root [A8]', async () => {
    const { state, streams } = rig;
    const { seen, events } = await subscribe();
    await batch('a', 'b');
    await state.writer.write({ operations: [{ kind: 'delete', key: 'a' }] });
    const transition = { at: 0, from: 'p2p', to: 'http', cause: 'silent over P2P', code: 'silent' } as const;
    streams.publishEvent({ type: 'transition', transition });
    expect(seen).toEqual(['1.0 a', '1.1 b', '1 batch', '2.0 a deleted', '2 batch', 'transition http']);
    expect(events.at(-2)).toMatchObject({ changes: 1, root: bytesToHex(state.replica.tree.root()) });
    expect(events[0]).toMatchObject({ author: state.self.author, hlc: expect.stringMatching(/^[0-9a-f]{16}$/) });
  });

  it('resumes in the middle of a batch, with the events that would have come [A8]', async () => {
    await batch('a', 'b', 'c');
    await batch('d');
    const live = await subscribe(rig.at(0));
    expect(live.seen).toEqual(['1.0 a', '1.1 b', '1.2 c', '1 batch', '2.0 d', '2 batch']);
    for (const [i, event] of live.events.entries()) {
      if (event.type !== 'change' && event.type !== 'batch') continue;
      const resumed = await subscribe(event.id);
      expect(resumed.events, event.id).toEqual(live.events.slice(i + 1));
    }
  });

  it('tells in a replay what it told live [A8]', async () => {
    const live = await subscribe();
    await batch('a', 'b');
    await rig.state.writer.write({ operations: [{ kind: 'delete', key: 'a' }] });
    expect((await subscribe(rig.at(0))).events).toEqual(live.events);
    expect(live.events).toHaveLength(5);
  });

  it('goes on live after a resumption without a gap [A8]', async () => {
    await batch('a', 'b');
    const { opening, release } = await rig.heldUp(() => subscribe(`${rig.at(1)}.0`));
    await batch('c');
    release();
    const { seen } = await opening;
    await batch('d');
    expect(seen).toEqual(['1.1 b', '1 batch', '2.0 c', '2 batch', '3.0 d', '3 batch']);
  });

  it('begins with a reset when the events no longer exist [A8, X8]', async () => {
    await batch('a');
    for (const after of ['00.1', '00.1.0', rig.at(2), `${rig.at(3)}.0`, 'nonsense', '']) {
      expect((await subscribe(after)).seen, after).toEqual(['1 reset']);
    }
  });

  it('ends for a consumer that takes no more, also in a replay', async () => {
    await batch('a', 'b');
    let room = 1;
    const events: string[] = [];
    const send = (event: LatticeEvent): boolean => room-- > 0 && events.push(short(event)) > 0;
    await rig.streams.openEvents(rig.at(0), send);
    room = 100;
    await batch('c');
    expect(events).toEqual(['1.0 a']);
  });

  it('waits for what is on its way to the disk: nothing is told before it is durable [D3]', async () => {
    const { store } = rig.state;
    store.hold();
    const { seen } = await subscribe();
    const written = batch('a');
    await until('the batch is on its way', () => store.held.length === 1);
    const late = subscribe();
    const opening = outcomeOf(late);
    await turns();
    expect([seen, opening.state]).toEqual([[], 'pending']);
    store.open();
    await written;
    expect(seen).toEqual(['1.0 a', '1 batch']);
    expect((await late).seen).toEqual([]);
  });
});
