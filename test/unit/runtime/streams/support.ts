import { type Author, type Bytes, bytesToHex } from '../../../../src/core/types/index.ts';
import { decodeFragment, decodeGossip } from '../../../../src/core/wire/index.ts';
import { createStreams, type Streams } from '../../../../src/runtime/streams/streams.ts';
import { createAuthor, deferred, gateStore, hasher, openTestState, put, type TestState, until } from '../support.ts';

export const reader = createAuthor(2);
export const other = createAuthor(3);

export interface Stream {
  readonly seen: string[];
  /** Frames after which it takes no more. */
  room: number;
  closed: number;
  close(): void;
}

/** A state whose durable batches go out as streams, over a store whose iterations can be held up. */
export interface StreamsRig {
  readonly state: TestState;
  readonly streams: Streams;
  /** The cursor at a sequence. */
  at(sequence: number): string;
  openPush(peer: Author, cursor?: string, room?: number): Promise<Stream>;
  write(key: string, value: string | number): Promise<unknown>;
  /** What the journal's next readers wait for. */
  pause: Promise<void> | undefined;
  /** Runs `open` and resolves once the replay in it waits; `release` lets it go on. */
  heldUp<T>(open: () => Promise<T>): Promise<{ readonly opening: Promise<T>; release(): void }>;
}

export async function openStreamsRig(): Promise<StreamsRig> {
  let iterations = 0;
  const gated = gateStore();
  const state = await openTestState({
    store: gated,
    onApplied({ step }) {
      // Whoever made a commit has brought it, as far as these tests are concerned.
      const taken = step.applied.map(({ fragment }) => ({ fragment, from: fragment.header.author }));
      const made = step.commits.map((fragment) => ({ fragment, from: undefined }));
      streams.publish({ sequence: step.sequence, step, pushed: [...made, ...taken] });
    },
  });
  const life = bytesToHex(state.incarnation);
  const streams = createStreams({
    store: {
      async *iterate(range) {
        iterations++;
        await rig.pause;
        yield* gated.iterate(range);
      },
    },
    entries: state.entries,
    hasher,
    writer: state.writer,
    incarnation: life,
    sequence: () => state.applied.at(-1)?.step.sequence ?? 0,
  });
  const rig: StreamsRig = {
    state,
    streams,
    pause: undefined,
    at: (sequence) => `${life}.${sequence}`,
    async openPush(peer, cursor = '', room = Number.POSITIVE_INFINITY) {
      const stream: Stream = { seen: [], room, closed: 0, close: () => undefined };
      const send = (frame: Bytes): boolean => {
        if (stream.room-- <= 0) return false;
        stream.seen.push(...wordsOf(frame));
        return true;
      };
      const { close } = await streams.openPush(peer, cursor, send, () => void stream.closed++);
      stream.close = close;
      return stream;
    },
    write: (key, value) => state.writer.write(put(key, value)),
    async heldUp(open) {
      const held = deferred<void>();
      rig.pause = held.promise;
      const before = iterations;
      const opening = open();
      await until('the replay has begun', () => iterations > before);
      return { opening, release: () => held.resolve() };
    },
  };
  return rig;
}

/** What a frame brought, in words: `key=value` for each operation, the rest by name. */
export function wordsOf(frame: Bytes): string[] {
  const message = decodeGossip(frame, { stream: true });
  if (message.type === 'cursor') return [`cursor ${message.cursor.split('.')[1]}`];
  if (message.type === 'reset') return [`reset: ${message.reason}`];
  if (message.type === 'head') return ['head'];
  if (message.type === 'attestation') return [`attestation ${message.attestation.attestation.at}`];
  if (message.type === 'notice' || message.type === 'announcement') return [message.type];
  return message.fragments.flatMap((bytes) =>
    decodeFragment(bytes, hasher).operations.map(
      ({ operation }) => `${operation.key}=${JSON.stringify(operation.value)}`,
    ),
  );
}
