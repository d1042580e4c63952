import http from 'node:http';
import type { BodyReader, Fetch } from '../client/index.ts';

/**
 * HTTP over Node's own modules, because loading and closing Node's `fetch` takes longer than the rest of a short
 * command. Connections are kept for the next request. They do not keep the process alive, and close after 5 s.
 */
export const httpFetch: Fetch = async (url, { method, headers, body, signal }) => {
  // Loading TLS takes a tenth of a command's time, so it is loaded only where it is used.
  const transport = url.startsWith('https:') ? (await import('node:https')).default : http;
  return await new Promise((resolve, reject) => {
    const call = transport.request(url, { method, headers, signal });
    call.on('error', reject);
    call.on('response', (answer) =>
      resolve({
        status: answer.statusCode ?? 0,
        headers: { get: (name) => valueOf(answer.headers[name.toLowerCase()]) },
        body: { getReader: () => readerOf(answer) },
      }),
    );
    call.end(body);
  });
};

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
