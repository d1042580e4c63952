import type { Lattice } from '../../../src/runtime/facade/index.ts';
import { createWholeState } from '../../../src/runtime/read/whole-state.ts';
import { openTestState, puts } from '../runtime/support.ts';

/** Long, so that few keys make more text than is handed to the socket at a time. */
const PREFIX = 'key/'.repeat(50);

/**
 * A read of the whole state that is overtaken: `after` so many of its keys are read, all of them are written anew. It
 * stands in place of the one of a node (`{ ...lattice, snapshot }`), which keeps 96 MiB of what is replaced before it
 * lets go of a reader: more than a test can write. State, writer and reads are the real ones, with a smaller bound.
 */
export async function overtakenAfter(
  keys: number,
  after: number,
): Promise<{ readonly snapshot: Lattice['wholeState']; readonly closed: () => number }> {
  const state = await openTestState({ maxHeldBytes: 10_000 });
  const writeAll = async (): Promise<void> => {
    for (let i = 0; i < keys; i += 250) await state.writer.write(puts(`${PREFIX}${i}`, 250));
  };
  await writeAll();
  const whole = createWholeState(state);
  let closed = 0;
  return {
    closed: () => closed,
    async snapshot() {
      const moment = await whole.wholeState();
      if (after === 0) await writeAll();
      async function* chunks() {
        let read = 0;
        for await (const chunk of moment.chunks) {
          yield chunk;
          const before = read;
          read += chunk.length;
          if (before < after && read >= after) await writeAll();
        }
      }
      return {
        ...moment,
        chunks: chunks(),
        close() {
          closed++;
          moment.close();
        },
      };
    },
  };
}
