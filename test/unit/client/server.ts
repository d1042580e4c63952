import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface TestServer {
  readonly url: string;
  /** Paths with queries, in the order of the requests. */
  readonly asked: string[];
  close(): Promise<void>;
}

/** A real HTTP server on loopback. `answer` is also told how many requests came before. */
export async function startServer(
  answer: (request: IncomingMessage, response: ServerResponse, before: number) => void,
): Promise<TestServer> {
  const asked: string[] = [];
  const server: Server = createServer((request, response) => {
    asked.push(request.url ?? '');
    answer(request, response, asked.length - 1);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Begins an event stream with `text` and leaves it open. */
export function events(response: ServerResponse, text: string, then?: () => void): void {
  response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
  response.write(text, () => then?.());
}

export const change = (id: number): string =>
  `id: e-${id}\nevent: change\ndata: {"id":"e-${id}","type":"change","key":"k${id}"}\n\n`;
