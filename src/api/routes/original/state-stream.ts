import { Readable } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { LatticeError } from '../../../core/types/index.ts';
import type { Lattice } from '../../../runtime/facade/index.ts';
import type { Timers } from '../../../timing/index.ts';

/** For each the node keeps what is replaced until the client has taken it all. */
const MAX_STREAMS = 8;
/** Longest download: a reader that trickles must not hold a moment for ever. */
const MAX_DOWNLOAD_MS = 10 * 60_000;
/** Text handed to the socket at a time. */
const TARGET_CHARS = 64 * 1024;

/** The original's signed state document, streamed: memory does not grow with the state. */
export interface StateStreams {
  /**
   * The document and the root that it belongs to, once its first part is there: what fails until then rejects, as
   * LatticeError `overloaded` or `moved-on`. What fails later ends the stream with the error. The stream must be read
   * or destroyed.
   */
  open(): Promise<{ readonly root: string; readonly stream: Readable }>;
}

async function* documentText(
  snapshot: Awaited<ReturnType<Lattice['wholeState']>>,
  timestamp: number,
  signature: string,
): AsyncGenerator<string> {
  let text = `{"success":true,"merkle_root":${JSON.stringify(snapshot.root)},"state":{`;
  let separator = '';
  for await (const chunk of snapshot.chunks) {
    for (const { key, value } of chunk) {
      text += `${separator}${JSON.stringify(key)}:${JSON.stringify(value)}`;
      separator = ',';
      if (text.length < TARGET_CHARS) continue;
      yield text;
      text = '';
    }
    // A fast reader's socket never says wait, and the store has read ahead: without a turn of the loop others would
    // wait for all that is there.
    await turn();
  }
  yield `${text}},"state_size":${snapshot.live},"timestamp":${timestamp},"signature":${JSON.stringify(signature)},"signed":true}`;
}

async function* startingWith(
  first: IteratorResult<string, void>,
  rest: AsyncGenerator<string>,
): AsyncGenerator<string> {
  if (first.done === true) return;
  yield first.value;
  yield* rest;
}

export function createStateStreams(lattice: Lattice, clock: Timers): StateStreams {
  let open = 0;
  return {
    async open() {
      if (open >= MAX_STREAMS) throw new LatticeError('overloaded', 'too many downloads of the whole state at a time');
      open++;
      let close = (): void => void open--;
      try {
        const snapshot = await lattice.wholeState();
        const timestamp = Math.floor(Date.now() / 1000);
        const signature = lattice.signText(`${snapshot.root}:${timestamp}`);
        const text = documentText(snapshot, timestamp, signature);
        close = () => {
          // A stream that nobody reads never ends what it would read from.
          text.return(undefined).catch(() => undefined);
          snapshot.close();
          open--;
        };
        const stream = Readable.from(startingWith(await text.next(), text), { objectMode: false });
        const limit = clock.after(MAX_DOWNLOAD_MS, () => stream.destroy(new Error('the download took too long')));
        stream.once('close', () => {
          limit.cancel();
          close();
        });
        return { root: snapshot.root, stream };
      } catch (cause) {
        close();
        throw cause;
      }
    },
  };
}
