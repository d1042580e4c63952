import { Readable } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { LatticeError } from '../../../core/types/index.ts';
import type { Lattice } from '../../../runtime/facade/facade.ts';
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
   * The document and the root that it belongs to. Rejects with LatticeError `overloaded`. The stream must be read or
   * destroyed.
   */
  open(): Promise<{ readonly root: string; readonly stream: Readable }>;
}

async function* documentText(
  snapshot: Awaited<ReturnType<Lattice['snapshot']>>,
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

export function createStateStreams(lattice: Lattice, clock: Timers): StateStreams {
  let open = 0;
  return {
    async open() {
      if (open >= MAX_STREAMS) throw new LatticeError('overloaded', 'too many downloads of the whole state at a time');
      open++;
      try {
        const snapshot = await lattice.snapshot();
        const timestamp = Math.floor(Date.now() / 1000);
        const signature = lattice.signText(`${snapshot.root}:${timestamp}`);
        const stream = Readable.from(documentText(snapshot, timestamp, signature), { objectMode: false });
        const limit = clock.after(MAX_DOWNLOAD_MS, () => stream.destroy(new Error('the download took too long')));
        stream.once('close', () => {
          limit.cancel();
          snapshot.close();
          open--;
        });
        return { root: snapshot.root, stream };
      } catch (cause) {
        open--;
        throw cause;
      }
    },
  };
}
