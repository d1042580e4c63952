/** The options with which the client calls `fetch`. */
export interface FetchInit {
  readonly method: string;
  readonly headers: Record<string, string>;
  readonly body?: string | Uint8Array<ArrayBuffer> | Blob | ReadableStream<Uint8Array>;
  /** Bytes of a stream, where that is known beforehand. `fetch` does not ask for it. */
  readonly length?: number;
  /** Goes with a stream as the body. */
  readonly duplex?: 'half';
  /**
   * May be called with the bytes of a Blob that have been sent so far, by a function that knows them. `fetch` does not.
   */
  readonly onSent?: (bytes: number) => void;
  readonly signal: AbortSignal;
  readonly redirect: 'manual';
  readonly cache: 'no-store';
  readonly credentials: 'omit';
}

/** The part of a stream's reader that the client uses. */
export interface BodyReader {
  read(): Promise<{ readonly done?: boolean | undefined; readonly value?: Uint8Array | undefined }>;
  cancel(): Promise<void>;
}

/** The part of a `Response` that the client uses. */
export interface FetchAnswer {
  readonly status: number;
  readonly headers: { get(name: string): string | null };
  readonly body: { getReader(): BodyReader } | null;
}

/**
 * The part of the standard `fetch` that the client uses. The global one fits, and so do that of undici, wrappers, and
 * other functions that exchange HTTP. It must reject when there is no answer, with the reason of the signal when that
 * is aborted, and must follow no redirect.
 */
export type Fetch = (url: string, init: FetchInit) => Promise<FetchAnswer>;

/**
 * Reads a body up to `limit` bytes. `whole` is false when there are more, which are not read. Rejects as the reader
 * does.
 */
export async function readBody(
  answer: FetchAnswer,
  limit: number,
): Promise<{ readonly bytes: Uint8Array; readonly whole: boolean }> {
  const reader = answer.body?.getReader();
  if (reader === undefined) return { bytes: new Uint8Array(), whole: true };
  const chunks: Uint8Array[] = [];
  let size = 0;
  for (;;) {
    const { value } = await reader.read();
    if (value === undefined) return { bytes: joined(chunks, size), whole: true };
    chunks.push(value);
    size += value.length;
    if (size > limit) {
      await reader.cancel().catch(() => undefined);
      return { bytes: joined(chunks, size).subarray(0, limit), whole: false };
    }
  }
}

function joined(chunks: readonly Uint8Array[], size: number): Uint8Array {
  const [first] = chunks;
  if (chunks.length === 1 && first !== undefined) return first;
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}
