import { createParser } from 'eventsource-parser';
import { cutShort, tooLarge } from './errors.ts';
import type { BodyReader } from './transport.ts';

/** One server-sent event as it came. */
export interface ServerSent {
  /** Its type; `message` where it names none. */
  readonly event: string;
  readonly data: string;
  /** Where to resume; undefined where it names none. */
  readonly id: string | undefined;
}

/**
 * A node cuts off a reader that is more than 1 MiB behind, so no event of one is longer. Counted in UTF-16 units, over
 * the lines of an event that has not ended.
 */
export const MAX_EVENT_CHARS = 1024 * 1024;

/**
 * Events of a response body, as the HTML standard, section 9.2.6, reads them. Ends with the body, and drops an event
 * that the end cuts off. `url` is that of the node, for messages; `onBytes` is called for whatever comes, heartbeats too.
 * LatticeError `answer-too-large` for an event that does not end, `unreachable` where the reader fails. Cancels the
 * reader when it is left.
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
    // Unknown fields and retry times are skipped, as the standard has it.
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
