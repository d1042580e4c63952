import type { VaultCheck } from '../api/contract/vault-entities.ts';
import { LatticeError } from '../core/types/errors.ts';
import { cutShort, notOurs } from './errors.ts';
import { withinEach } from './idle.ts';
import { type CallOptions, objectOf, type Requests } from './request.ts';
import type { VaultChecked, VaultReading } from './vault-client.ts';

/** A line has a hash, a size and a sentence. */
const MAX_LINE_CHARS = 64 * 1024;
/** Each kind of line has one of these. */
const KINDS = ['reading', 'hash', 'done'];

/** The lines of a text that comes in pieces. Throws LatticeError `not-a-lattice-node` for a line without end. */
async function* linesOf(pieces: AsyncIterable<Uint8Array>, url: string): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const piece of pieces) {
    text += decoder.decode(piece, { stream: true });
    const lines = text.split('\n');
    text = lines.pop() ?? '';
    yield* lines;
    if (text.length > MAX_LINE_CHARS) throw notOurs(`${url} sent a line of more than ${MAX_LINE_CHARS} characters`);
  }
  if (text !== '') yield text;
}

/**
 * What the node says of each object that it checks, until its last line says that these were all. `onReading` is told how
 * far the reading of a large object is.
 */
export async function* checkedLines(
  { url, transfer }: Requests,
  hash: string | undefined,
  call: CallOptions,
  onReading: ((reading: VaultReading) => void) | undefined,
): AsyncGenerator<VaultChecked, void> {
  const { reader } = await transfer('/api/v1/vault/verify', {
    method: 'POST',
    query: { hash },
    accept: 'application/x-ndjson',
    ...call,
  });
  for await (const line of linesOf(withinEach(reader, url, call.timeoutMs), url)) {
    let checked: VaultCheck;
    try {
      const value = objectOf(JSON.parse(line), url);
      if (!KINDS.some((kind) => kind in value)) throw notOurs(`${url} sent a line that no node sends`);
      checked = value as VaultCheck;
    } catch (cause) {
      if (cause instanceof LatticeError) throw cause;
      throw notOurs(`${url} sent a line that is not JSON`, cause);
    }
    if ('reading' in checked) onReading?.(checked);
    else if ('hash' in checked) yield checked;
    else if (checked.error === undefined) return;
    else
      throw new LatticeError('vault-store-failed', `the check ended before its time: ${checked.error}`, {
        next: "Look at the node's log, and check again.",
      });
  }
  throw cutShort(url, 'the check was cut short');
}
