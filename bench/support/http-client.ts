import { get } from 'node:http';
import { connect, type Socket } from 'node:net';

/**
 * A keep-alive connection for one request at a time. It uses no client library, because on two cores the load generator
 * must leave the server its processor. Answers must have a Content-Length.
 */
export interface Connection {
  /** Sends a whole request and resolves with the status of the answer. */
  send(request: string): Promise<number>;
  close(): void;
}

export async function openConnection(port: number): Promise<Connection> {
  const socket: Socket = connect(port, '127.0.0.1');
  socket.setNoDelay(true);
  await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
  let waiting: { resolve: (status: number) => void; reject: (error: Error) => void } | undefined;
  let held = '';
  socket.setEncoding('latin1');
  socket.on('data', (chunk: string) => {
    held += chunk;
    const head = held.indexOf('\r\n\r\n');
    if (head < 0) return;
    const length = /^content-length: (\d+)$/im.exec(held.slice(0, head))?.[1];
    if (held.length < head + 4 + Number(length ?? 0)) return;
    const status = Number(held.slice(9, 12));
    held = '';
    waiting?.resolve(status);
  });
  const fail = (): void => waiting?.reject(new Error('the connection closed'));
  socket.on('error', fail);
  socket.on('close', fail);
  return {
    send: (request) =>
      new Promise((resolve, reject) => {
        waiting = { resolve, reject };
        socket.write(request, 'latin1');
      }),
    close: () => socket.destroy(),
  };
}

/** The text of a request with a JSON body. `body` must be ASCII, because its length counts as bytes. */
export function requestText(method: string, port: number, path: string, token: string, body: string): string {
  return (
    `${method} ${path} HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\nauthorization: Bearer ${token}\r\n` +
    `content-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`
  );
}

/** Follows a node's event stream and calls `onChange` for each changed key. Resolves when the stream is open. */
export function followChanges(api: string, onChange: (key: string) => void): Promise<{ close(): void }> {
  return new Promise((resolve, reject) => {
    const request = get(`${api}/api/v1/events`, (response) => {
      response.setEncoding('utf8');
      let held = '';
      let open = false;
      response.on('data', (chunk: string) => {
        if (!open) resolve({ close: () => request.destroy() });
        open = true;
        held += chunk;
        const end = held.lastIndexOf('\n\n');
        if (end < 0) return;
        for (const match of held.slice(0, end).matchAll(/^data: (.*"type":"change".*)$/gm)) {
          onChange((JSON.parse(match[1] ?? '') as { key: string }).key);
        }
        held = held.slice(end + 2);
      });
      response.on('error', () => undefined);
    });
    request.on('error', reject);
  });
}
