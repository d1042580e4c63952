import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_EVENT_CHARS, type ServerSent, serverSentEvents } from '../../../src/client/server-sent.ts';

const URL_OF_NODE = 'http://127.0.0.1:8000';

function streamOf(pieces: readonly Uint8Array[], onCancel: () => void = () => undefined): ReadableStream<Uint8Array> {
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      const piece = pieces[at++];
      if (piece === undefined) controller.close();
      else controller.enqueue(piece);
    },
    cancel: onCancel,
  });
}

const textIn = (text: string, size: number): Uint8Array[] => {
  const bytes = new TextEncoder().encode(text);
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.subarray(i * size, (i + 1) * size));
};

async function read(pieces: readonly Uint8Array[]): Promise<ServerSent[]> {
  const events: ServerSent[] = [];
  for await (const event of serverSentEvents(streamOf(pieces).getReader(), URL_OF_NODE, () => undefined))
    events.push(event);
  return events;
}

describe('a stream of server-sent events', () => {
  const TEXT =
    '\ufeff:\n\nid: 1\nevent: change\ndata: {"a":1}\n\n: beat\n\ndata:x\r\ndata: y\r\n\r\nretry: 5\nfuture: field\n' +
    'event: empty\n\nid: 2\ndata: ü🦎\n\nid\ndata\n\ndata: cut off';
  const EVENTS = [
    { event: 'change', data: '{"a":1}', id: '1' },
    { event: 'message', data: 'x\ny', id: undefined },
    { event: 'message', data: 'ü🦎', id: '2' },
    { event: 'message', data: '', id: '' },
  ];

  it.each([1, 2, 3, 7, 1000])('is the same in pieces of %d bytes', async (size) => {
    expect(await read(textIn(TEXT, size))).toEqual(EVENTS);
  });

  it('gives back what was written, wherever it is cut', async () => {
    const line = fc.string({ unit: 'binary' }).map((s) => s.replace(/[\r\n]/g, ''));
    const written = fc.record({ data: fc.array(line, { minLength: 1, maxLength: 3 }), id: fc.nat() });
    await fc.assert(
      fc.asyncProperty(fc.array(written, { maxLength: 8 }), fc.integer({ min: 1, max: 40 }), async (all, size) => {
        const text = all
          .map(({ data, id }) => `id: ${id}\nevent: e\n${data.map((part) => `data: ${part}\n`).join('')}\n`)
          .join('');
        // Lone surrogates have no UTF-8: what the encoder makes of them is what was written.
        const sent = (s: string): string =>
          new TextDecoder('utf-8', { ignoreBOM: true }).decode(new TextEncoder().encode(s));
        expect(await read(textIn(text, size))).toEqual(
          all.map(({ data, id }) => ({ event: 'e', data: data.map(sent).join('\n'), id: String(id) })),
        );
      }),
      { numRuns: 200 },
    );
  });

  it.each([
    ['a line without end', () => new TextEncoder().encode('x'.repeat(100_000)), 'data: '],
    ['an event without end', () => new TextEncoder().encode(`data: ${'x'.repeat(100_000)}\n`), ''],
  ])('ends with an error at %s, after the events before it, and is cancelled', async (_name, piece, start) => {
    let cancelled = false;
    let pulled = 0;
    const long = new ReadableStream<Uint8Array>({
      pull(controller) {
        if (pulled === 64) controller.close();
        else controller.enqueue(pulled++ === 0 ? new TextEncoder().encode(`data: first\n\n${start}`) : piece());
      },
      cancel() {
        cancelled = true;
      },
    });
    const events = serverSentEvents(long.getReader(), URL_OF_NODE, () => undefined);
    expect((await events.next()).value).toMatchObject({ data: 'first' });
    await expect(events.next()).rejects.toMatchObject({
      code: 'answer-too-large',
      message: `${URL_OF_NODE} sent an event of more than ${MAX_EVENT_CHARS} characters`,
    });
    expect(cancelled).toBe(true);
    // It stopped at the bound, not long after it.
    expect(pulled * 100_000).toBeLessThan(MAX_EVENT_CHARS + 500_000);
  });

  it('takes an event as long as a node may send', async () => {
    const data = 'x'.repeat(MAX_EVENT_CHARS - 100);
    expect(await read(textIn(`data: ${data}\n\n`, 65_536))).toEqual([{ event: 'message', data, id: undefined }]);
  });

  it('is cancelled when its reader leaves, and tells of every piece', async () => {
    let cancelled = false;
    let heard = 0;
    const pieces = [':\n\n', 'data: 1\n\ndata: 2\n\n', 'data: 3\n\n', 'data: 4\n\n'];
    const stream = streamOf(
      pieces.flatMap((piece) => textIn(piece, 100)),
      () => {
        cancelled = true;
      },
    );
    for await (const { data } of serverSentEvents(stream.getReader(), URL_OF_NODE, () => heard++)) {
      expect(data).toBe('1');
      break;
    }
    expect([cancelled, heard]).toEqual([true, 2]);
  });
});
