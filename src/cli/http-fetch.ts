import http from 'node:http';
import type { BodyReader, Fetch } from '../client/index.ts';

/**
 * HTTP over Node's own modules, because loading and closing Node's `fetch` takes longer than the rest of a short
 * command. Connections are kept for the next request. They do not keep the process alive, and close after 5 s.
 */
export const httpFetch: Fetch = async (url, { method, headers, body, length, signal }) => {
  // Loading TLS takes a tenth of a command's time, so it is loaded only where it is used.
  const transport = url.startsWith('https:') ? (await import('node:https')).default : http;
  return await new Promise((resolve, reject) => {
    const all = length === undefined ? headers : { ...headers, 'content-length': String(length) };
    const call = transport.request(url, { method, headers: all, signal });
    call.on('error', reject);
    call.on('response', (answer) => {
      // What was refused under way is not sent to its end, and its connection is of no further use.
      answer.once('end', () => {
        if (!call.writableEnded) call.destroy();
      });
      resolve({
        status: answer.statusCode ?? 0,
        headers: { get: (name) => valueOf(answer.headers[name.toLowerCase()]) },
        body: { getReader: () => readerOf(answer) },
      });
    });
    if (body === undefined || typeof body === 'string' || body instanceof Uint8Array) call.end(body);
    else
      send(call, body).catch((error: unknown) =>
        call.destroy(error instanceof Error ? error : new Error(String(error))),
      );
  });
};

/** Sends a body piece by piece as the connection takes it, until it ends or is answered. */
async function send(call: http.ClientRequest, body: Blob | ReadableStream<Uint8Array>): Promise<void> {
  let answered = false;
  call.once('response', () => {
    answered = true;
  });
  for await (const piece of body instanceof Blob ? body.stream() : body) {
    if (answered || call.destroyed) return;
    if (call.write(piece)) continue;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        for (const event of ['drain', 'response', 'close']) call.off(event, done);
        resolve();
      };
      for (const event of ['drain', 'response', 'close']) call.on(event, done);
    });
  }
  call.end();
}

/** Joins a header that Node gives as a list, which it does for set-cookie alone. */
const valueOf = (header: string | readonly string[] | undefined): string | null =>
  typeof header === 'string' ? header : (header?.join(', ') ?? null);

function readerOf(answer: http.IncomingMessage): BodyReader {
  const chunks = answer[Symbol.asyncIterator]() as AsyncIterator<Uint8Array, undefined>;
  return {
    read: () => chunks.next(),
    cancel: async () => void answer.destroy(),
  };
}
