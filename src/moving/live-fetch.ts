import { type OriginalValue, parseOriginalJson } from '../core/original/json.ts';
import { LatticeError } from '../core/types/index.ts';
import type { Clock } from '../ports/index.ts';
import { withDeadline } from '../timing/index.ts';
import type { ReadContext } from './plan.ts';
import { MAX_FILE_BYTES } from './read-file.ts';

export interface FetchOptions {
  readonly clock: Clock;
  /** The longest answer in bytes, after any compression. Default: as long as a file may be. */
  readonly maxBytes?: number | undefined;
}

/** How long a whole answer may take: a state of 256 MiB over a slow line. */
const ANSWER_MS = 120_000;
/** How long an answer may say nothing. The original computes a large state for some seconds before its first byte. */
const SILENCE_MS = 20_000;

/**
 * The text of an answer, bounded in bytes (after any compression) and in time, and never that of another address.
 * Rejects with LatticeError `unreachable`, `timeout`, `answer-too-large`, `http-status` (details.status) for every
 * status but 200, or the reason of an aborted signal.
 */
export async function fetchText(url: string, options: FetchOptions, context: ReadContext): Promise<string> {
  const { signal } = context;
  signal?.throwIfAborted();
  try {
    return await withDeadline(
      options.clock,
      ANSWER_MS,
      (within) => readAnswer(url, options, within, context.progress),
      () => timeout(url, ANSWER_MS),
      signal,
    );
  } catch (cause) {
    signal?.throwIfAborted();
    if (cause instanceof LatticeError) throw cause;
    throw new LatticeError('unreachable', `${url} does not answer: ${reasonOf(cause)}`, {
      next: 'Check that the original node runs, and that this address leads to it.',
      cause,
    });
  }
}

/**
 * The members of an answer of the original that has `success: true`. Rejects as `fetchText`, and with LatticeError
 * `unexpected-answer` for every other answer.
 */
export async function fetchMembers(
  url: string,
  options: FetchOptions,
  context: ReadContext,
): Promise<ReadonlyMap<string, OriginalValue>> {
  const text = await fetchText(url, options, context);
  let answer: OriginalValue;
  try {
    answer = parseOriginalJson(text);
  } catch (cause) {
    if (!(cause instanceof LatticeError)) throw cause;
    throw unexpected(url, cause.message);
  }
  if (!(answer instanceof Map)) throw unexpected(url, 'it is not a JSON object');
  const members = answer as ReadonlyMap<string, OriginalValue>;
  if (members.get('success') === true) return members;
  const message = members.get('message');
  throw unexpected(url, typeof message === 'string' ? message.slice(0, 200) : 'it does not tell of success');
}

/** Whether the original has no such path: versions before 2.1 served less. */
export const isAbsent = (error: unknown): boolean =>
  error instanceof LatticeError && error.code === 'http-status' && error.details['status'] === 404;

export function unexpected(url: string, why: string): LatticeError {
  return new LatticeError('unexpected-answer', `${url} answers otherwise than the original: ${why}`, {
    next: 'Import the files of the original instead, from its directory.',
  });
}

async function readAnswer(
  url: string,
  { clock, maxBytes = MAX_FILE_BYTES }: FetchOptions,
  within: AbortSignal,
  progress: ReadContext['progress'],
): Promise<string> {
  const silent = new AbortController();
  const wait = () => clock.after(SILENCE_MS, () => silent.abort(timeout(url, SILENCE_MS)));
  let silence = wait();
  try {
    const headers = { accept: 'application/json', 'accept-encoding': 'identity' };
    const signal = AbortSignal.any([within, silent.signal]);
    const answer = await fetch(url, { headers, redirect: 'manual', signal });
    if (answer.status !== 200) {
      await answer.body?.cancel();
      throw statusError(url, answer.status, answer.headers.get('location'));
    }
    const chunks: Uint8Array[] = [];
    let size = 0;
    for await (const chunk of (answer.body ?? []) as AsyncIterable<Uint8Array>) {
      silence.cancel();
      silence = wait();
      size += chunk.length;
      if (size > maxBytes) throw tooLarge(url, maxBytes);
      chunks.push(chunk);
      progress?.('bytes of an answer read', size);
    }
    return new TextDecoder('utf-8').decode(Buffer.concat(chunks));
  } catch (cause) {
    if (silent.signal.aborted) throw silent.signal.reason;
    throw cause;
  } finally {
    silence.cancel();
  }
}

/** What `fetch` hides behind "fetch failed": the code of the system, where there is one. */
function reasonOf(cause: unknown): string {
  const inner = cause instanceof Error ? (cause.cause ?? cause) : cause;
  if (inner instanceof Error) return 'code' in inner ? String(inner.code) : inner.message;
  return String(inner);
}

const timeout = (url: string, ms: number): LatticeError =>
  new LatticeError('timeout', `${url} did not answer within ${ms / 1000} s`, {
    next: 'Run the import again, or import its snapshot.json.',
  });

const tooLarge = (url: string, bytes: number): LatticeError =>
  new LatticeError('answer-too-large', `the answer of ${url} has more than ${bytes} bytes`, {
    next: 'Check that the URL is that of a node of the original.',
  });

function statusError(url: string, status: number, location: string | null): LatticeError {
  const redirect = status >= 300 && status < 400;
  const target = location === null ? 'another address' : location.slice(0, 200);
  return new LatticeError(
    'http-status',
    redirect ? `${url} redirects to ${target}` : `${url} answered with status ${status}`,
    {
      next: redirect
        ? 'Nothing is read from where it leads. Name that address, where it is the node that you mean.'
        : 'Check that the URL is that of a node of the original.',
      details: { status },
    },
  );
}
