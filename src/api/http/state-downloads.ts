import type { Readable } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { EntryView, Lattice } from '../../runtime/facade/index.ts';
import type { RouteContext } from './deps.ts';
import type { StreamSlots } from './stream-slots.ts';
import { openTextStream } from './text-stream.ts';

/** UTF-16 units of text that are handed to the socket at a time. */
const TARGET_CHARS = 64 * 1024;

/** The state as of one moment, and its root. */
export type Moment = Awaited<ReturnType<Lattice['wholeState']>>;

/** How a download writes a moment. */
export interface DocumentForm {
  /** What stands before the first entry. */
  readonly head: string;
  /** The text of an entry; `isFirst` says whether it is the first one of the document. Undefined leaves it out. */
  entry(view: EntryView, isFirst: boolean): string | undefined;
  /** What stands after the last one of `written` entries. Without it the document is not whole. */
  tail(written: number): string;
}

/** Downloads of the whole state as of one moment, streamed so that memory does not grow with it. */
export interface StateDownloads {
  /**
   * Resolves to a moment and the stream of its document once the first part is there. Rejects with LatticeError
   * `moved-on` when that fails. With `prefix` only entries are read whose keys begin with it. A later failure ends the
   * stream with the error. The caller must read the stream or destroy it.
   */
  open(
    formOf: (moment: Moment) => DocumentForm,
    prefix?: string,
  ): Promise<{ readonly moment: Moment; readonly stream: Readable }>;
  /**
   * Answers a request with a document, in one of the slots for downloads. `prepare` sets headers once the moment is
   * known.
   */
  send(
    request: FastifyRequest,
    reply: FastifyReply,
    formOf: (moment: Moment) => DocumentForm,
    prepare: (moment: Moment) => void,
    prefix?: string,
  ): Promise<FastifyReply>;
}

async function* documentText({ chunks }: Moment, form: DocumentForm): AsyncGenerator<string> {
  let text = form.head;
  let written = 0;
  let isBegun = false;
  for await (const chunk of chunks) {
    for (const view of chunk) {
      const part = form.entry(view, written === 0);
      if (part === undefined) continue;
      written++;
      text += part;
      if (text.length < TARGET_CHARS) continue;
      yield text;
      text = '';
    }
    // The reader knows at once that it is answered, however little comes after.
    if (!isBegun) {
      isBegun = true;
      yield text;
      text = '';
    }
    // Without a turn of the event loop a fast reader would keep all other requests waiting: its socket always takes
    // more, and the store has read ahead.
    await turn();
  }
  yield text + form.tail(written);
}

export function createStateDownloads(
  { lattice, clock, inTime }: Pick<RouteContext, 'lattice' | 'clock' | 'inTime'>,
  slots: StreamSlots,
): StateDownloads {
  const open: StateDownloads['open'] = async (formOf, prefix) => {
    const moment = await lattice.wholeState({ prefix });
    const close = (): void => moment.close();
    let text: AsyncGenerator<string>;
    try {
      text = documentText(moment, formOf(moment));
    } catch (cause) {
      close();
      throw cause;
    }
    return { moment, stream: await openTextStream(text, clock, close) };
  };
  return {
    open,
    async send(request, reply, formOf, prepare, prefix) {
      const release = slots.take(request);
      const opening = open(formOf, prefix);
      const { moment, stream } = await inTime(opening).catch((cause: unknown) => {
        // The stream may still open after the time is up, and nobody reads it then.
        opening
          .then(
            (late) => late.stream.destroy(),
            () => undefined,
          )
          .finally(release);
        throw cause;
      });
      stream.once('close', release);
      prepare(moment);
      return reply.send(stream);
    },
  };
}
