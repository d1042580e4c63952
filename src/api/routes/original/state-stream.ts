import type { Readable } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import type { Lattice } from '../../../runtime/facade/index.ts';
import type { Timers } from '../../../timing/index.ts';
import { openTextStream } from '../../http/text-stream.ts';

/** UTF-16 units of text that are handed to the socket at a time. */
const TARGET_CHARS = 64 * 1024;

/** The signed document of the whole state, as the original serves it, streamed so that memory does not grow with it. */
export interface StateStreams {
  /**
   * Resolves to the root and the stream of the document once its first part is there. Rejects with LatticeError
   * `moved-on` when that fails. A later failure ends the stream with the error. The caller must read the stream or
   * destroy it.
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
    // Without a turn of the event loop a fast reader would keep all other requests waiting: its socket always takes
    // more, and the store has read ahead.
    await turn();
  }
  yield `${text}},"state_size":${snapshot.live},"timestamp":${timestamp},"signature":${JSON.stringify(signature)},"signed":true}`;
}

export function createStateStreams(lattice: Lattice, clock: Timers): StateStreams {
  return {
    async open() {
      const snapshot = await lattice.wholeState();
      const close = (): void => snapshot.close();
      let text: AsyncGenerator<string>;
      try {
        const timestamp = Math.floor(Date.now() / 1000);
        text = documentText(snapshot, timestamp, lattice.signText(`${snapshot.root}:${timestamp}`));
      } catch (cause) {
        close();
        throw cause;
      }
      return { root: snapshot.root, stream: await openTextStream(text, clock, close) };
    },
  };
}
