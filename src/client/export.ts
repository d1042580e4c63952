import type { Entry, ExportBegin, ExportEnd } from '../api/contract/entities.ts';
import { counted } from '../core/types/words.ts';
import { streamOf } from '../timing/stream.ts';
import { cutShort, late, notOurs, tooLarge } from './errors.ts';
import { type CallOptions, DEFAULT_TIMEOUT_MS, type Requests } from './request.ts';
import type { StateExport } from './state-client.ts';
import type { BodyReader } from './transport.ts';

const PATH = '/api/v1/export';
/** An entry has a key of 1 KiB and a value of 16 KiB, of which JSON makes at most six times as much. */
const MAX_LINE_CHARS = 256 * 1024;

/**
 * The lines of a body, without their ends. What follows the last end of a line is dropped. Rejects with LatticeError
 * `answer-too-large` for a line that is too long, `timeout` when nothing comes for `timeoutMs`, and `unreachable` when
 * the reader fails, or with the reason of the signal that ends it. Cancels the reader at the end.
 */
async function* linesOf(
  reader: BodyReader,
  url: string,
  timeoutMs: number,
  signal: AbortSignal,
): AsyncGenerator<readonly string[]> {
  const decoder = new TextDecoder();
  let rest = '';
  let isLate = false;
  try {
    for (;;) {
      const timer = setTimeout(() => {
        isLate = true;
        reader.cancel().catch(() => undefined);
      }, timeoutMs);
      const { value } = await reader
        .read()
        .catch((cause: unknown) => {
          if (signal.aborted) throw signal.reason;
          throw isLate ? late(url, timeoutMs) : cutShort(url, 'the connection was cut during the answer', cause);
        })
        .finally(() => clearTimeout(timer));
      if (isLate) throw late(url, timeoutMs);
      if (value === undefined) return;
      const lines = (rest + decoder.decode(value, { stream: true })).split('\n');
      rest = lines.pop() ?? '';
      if (rest.length > MAX_LINE_CHARS) throw tooLarge(`${url} sent a line of more than ${MAX_LINE_CHARS} characters`);
      yield lines;
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

/** Opens an export and resolves once its first line is there. */
export async function openExport(
  { url, open }: Pick<Requests, 'url' | 'open'>,
  standardMs: number = DEFAULT_TIMEOUT_MS,
  { prefix, signal, timeoutMs = standardMs }: CallOptions & { readonly prefix?: string | undefined },
): Promise<StateExport> {
  const connection = new AbortController();
  const parsed = (line: string): unknown => {
    try {
      return JSON.parse(line) as unknown;
    } catch (cause) {
      throw notOurs(`${url} sent a line that is not JSON`, cause);
    }
  };
  const cut = (): void => connection.abort(signal?.reason);
  if (signal?.aborted === true) cut();
  signal?.addEventListener('abort', cut, { once: true });
  let batches: AsyncGenerator<readonly string[]> | undefined;
  /** Ends the connection, and lets go of the caller's signal. */
  const end = async (): Promise<void> => {
    signal?.removeEventListener('abort', cut);
    await batches?.return(undefined).catch(() => undefined);
  };
  let pending: string[] = [];
  /** Fills `pending`. False at the end of the body. */
  const more = async (): Promise<boolean> => {
    const read = await batches?.next();
    if (read === undefined || read.done === true) return false;
    pending = read.value.toReversed();
    return true;
  };
  const unfinished = (): Error => cutShort(url, 'the export ended before its last line');

  async function opened(): Promise<ExportBegin> {
    const asked = { query: { prefix }, signal: connection.signal, timeoutMs };
    const reader = await open(PATH, asked, 'application/x-ndjson');
    batches = linesOf(reader, url, timeoutMs, connection.signal);
    while (pending.length === 0) if (!(await more())) throw unfinished();
    const begin = parsed(pending.pop() ?? '') as ExportBegin;
    if (begin.export !== 1) throw notOurs(`${url} sent an export of another form`);
    return begin;
  }
  const { network, root, live, at } = await opened().catch(async (error: unknown) => {
    await end();
    throw error;
  });

  async function* entries(): AsyncGenerator<Entry, void> {
    try {
      for (let count = 0; ; count++) {
        while (pending.length === 0) if (!(await more())) throw unfinished();
        const line = parsed(pending.pop() ?? '') as Entry | ExportEnd;
        if (!('end' in line)) yield line;
        else if (line.entries === count) return;
        else throw notOurs(`${url} sent ${counted(count, 'entry', 'entries')} and counts ${line.entries}`);
      }
    } finally {
      await end();
    }
  }
  const stream = streamOf((ending) => {
    // Also where nobody reads the stream, so that its generator never begins and has no end.
    const ended = (): void => {
      signal?.removeEventListener('abort', cut);
      connection.abort(ending.reason);
    };
    ending.addEventListener('abort', ended, { once: true });
    return entries();
  }, signal);
  return { ...stream, network, root, live, at };
}
