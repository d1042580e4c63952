import { createParser } from 'eventsource-parser';
import { cutShort, tooLarge } from './errors.ts';
import type { BodyReader } from './transport.ts';

/** One server-sent event. */
export interface ServerSent {
  /** The type of the event; `message` when it names none. */
  readonly event: string;
  readonly data: string;
  /** The id after which to resume; undefined when the event names none. */
  readonly id: string | undefined;
}

/**
 * UTF-16 units of one event. No event of a node is longer, because a node cuts off a reader that is more than 1 MiB
 * behind.
 */
export const MAX_EVENT_CHARS = 1024 * 1024;

/**
 * The events of a response body (HTML standard, §9.2.6). They end with the body, and an event that is incomplete then
 * is dropped. `url` is that of the node, for messages. `onBytes` is called for all bytes that come, those of heartbeats
 * too. Rejects with LatticeError `answer-too-large` for an event that is too long, and `unreachable` when the reader
 * fails. Cancels the reader when the caller stops reading.
 */
export async function* serverSentEvents(
  reader: BodyReader,
  url: string,
  onBytes: () => void,
): AsyncGenerator<ServerSent> {
  let events: ServerSent[] = [];
  let overflow = false;
  const parser = createParser({
    maxBufferSize: MAX_EVENT_CHARS,
    onEvent: ({ event = 'message', data, id }) => events.push({ event, data, id }),
    // Unknown fields and malformed retry times are ignored, as the standard demands.
    onError: ({ type }) => {
      overflow ||= type === 'max-buffer-size-exceeded';
    },
  });
  const decoder = new TextDecoder();
  try {
    for (;;) {
      const { value } = await reader.read().catch((cause: unknown) => {
        throw cutShort(url, 'the stream was cut', cause);
      });
      if (value === undefined) return;
      onBytes();
      parser.feed(decoder.decode(value, { stream: true }));
      yield* events;
      events = [];
      if (overflow) throw tooLarge(`${url} sent an event of more than ${MAX_EVENT_CHARS} characters`);
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}
