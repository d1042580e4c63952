/** What can be sent: bytes, a Blob or File, or bytes as they come. */
export type Content = Uint8Array | Blob | ReadableStream<Uint8Array> | AsyncIterable<Uint8Array>;

/** Bytes that are handed over at a time. */
const PIECE_BYTES = 64 * 1024;
const PIECES_A_TURN = 16;

async function* piecesOf(content: Content): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunksOf(content)) {
    for (let at = 0; at < chunk.length; at += PIECE_BYTES) yield chunk.subarray(at, at + PIECE_BYTES);
  }
}

async function* chunksOf(content: Content): AsyncGenerator<Uint8Array> {
  if (content instanceof Uint8Array) yield content;
  else if (content instanceof Blob) yield* readerOf(content.stream().getReader());
  else if ('getReader' in content) yield* readerOf(content.getReader());
  else yield* content;
}

async function* readerOf(reader: ReadableStreamDefaultReader<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

/** How many bytes there are, where that is known beforehand. */
export const lengthOf = (content: Content): number | undefined =>
  content instanceof Uint8Array ? content.length : content instanceof Blob ? content.size : undefined;

/**
 * The content as a stream, of which `onPiece` sees each piece as it is taken, and no piece is taken before. `end` ends
 * it, because `fetch` of Node.js reads the body of a request that has failed to its end.
 */
export function streamOfContent(
  content: Content,
  onPiece: (piece: Uint8Array) => void,
): { readonly stream: ReadableStream<Uint8Array>; end(): void } {
  const pieces = piecesOf(content);
  let taken = 0;
  let ended = false;
  const stream = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        // Content that is in memory never waits, and nothing else would have a turn.
        if (++taken % PIECES_A_TURN === 0) await new Promise((resolve) => setTimeout(resolve));
        const { done, value } = ended ? { done: true, value: undefined } : await pieces.next();
        if (done === true || value === undefined) return controller.close();
        onPiece(value);
        controller.enqueue(value);
      },
      async cancel() {
        await pieces.return(undefined);
      },
    },
    { highWaterMark: 0 },
  );
  return {
    stream,
    end() {
      ended = true;
      pieces.return(undefined).catch(() => undefined);
    },
  };
}

/** The content as a Blob, which `onPiece` sees piece by piece: browsers send no streams over HTTP/1.1. */
export async function blobOfContent(content: Content): Promise<Blob> {
  if (content instanceof Blob) return content;
  const parts: Uint8Array<ArrayBuffer>[] = [];
  for await (const piece of piecesOf(content)) parts.push(Uint8Array.from(piece));
  return new Blob(parts);
}

/** Calls `onPiece` with all of the content. */
export async function readContent(content: Content, onPiece: (piece: Uint8Array) => void): Promise<void> {
  for await (const piece of piecesOf(content)) onPiece(piece);
}
