import { LatticeError } from '../core/types/errors.ts';
import { cutShort, late } from './errors.ts';
import type { BodyReader } from './transport.ts';

/** The longest wait for the next bytes of an answer, ms: nodes cut readers that are slower than that themselves. */
const IDLE_MS = 60_000;

/**
 * The pieces of an answer's body. Rejects with LatticeError `timeout` when nothing comes for `ms`, and with
 * `unreachable` when the connection breaks. Whoever stops reading ends the connection.
 */
export async function* withinEach(reader: BodyReader, url: string, ms = IDLE_MS): AsyncGenerator<Uint8Array, void> {
  try {
    for (;;) {
      let timer: ReturnType<typeof setTimeout> | undefined;
      const waited = new Promise<never>((_, reject) => {
        timer = setTimeout(() => reject(late(url, ms)), ms);
      });
      const { value } = await Promise.race([reader.read(), waited]).finally(() => clearTimeout(timer));
      if (value === undefined) return;
      yield value;
    }
  } catch (error) {
    if (error instanceof LatticeError || (error instanceof DOMException && error.name === 'AbortError')) throw error;
    throw cutShort(url, 'the connection was cut during the answer', error);
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}
