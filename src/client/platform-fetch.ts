import type { Fetch, FetchAnswer, FetchInit } from './transport.ts';

/** The part of XMLHttpRequest that is used. Node.js does not have it. */
interface Xhr {
  readonly status: number;
  readonly response: ArrayBuffer | null;
  responseType: string;
  readonly upload: { onprogress: ((event: { readonly loaded: number }) => void) | null };
  onload: (() => void) | null;
  onerror: (() => void) | null;
  open(method: string, url: string): void;
  setRequestHeader(name: string, value: string): void;
  getResponseHeader(name: string): string | null;
  send(body: Blob): void;
  abort(): void;
}

const xhrOf = (): (new () => Xhr) | undefined => (globalThis as { XMLHttpRequest?: new () => Xhr }).XMLHttpRequest;

/** Whether this is a browser: it sends no streams over HTTP/1.1, and tells of a Blob how much has been sent. */
export const sendsBlobs = (): boolean => xhrOf() !== undefined;

/** Sends a Blob and tells how much of it has gone out, which `fetch` does not. */
function sendBlob(
  Request: new () => Xhr,
  url: string,
  { method, headers, signal }: FetchInit,
  body: Blob,
  onSent: (bytes: number) => void,
): Promise<FetchAnswer> {
  return new Promise((resolve, reject) => {
    const request = new Request();
    const onAbort = (): void => {
      request.abort();
      reject(signal.reason instanceof Error ? signal.reason : new Error(String(signal.reason)));
    };
    signal.addEventListener('abort', onAbort, { once: true });
    request.open(method, url);
    request.responseType = 'arraybuffer';
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.upload.onprogress = ({ loaded }) => onSent(loaded);
    request.onerror = () => {
      signal.removeEventListener('abort', onAbort);
      reject(new Error('the request failed'));
    };
    request.onload = () => {
      signal.removeEventListener('abort', onAbort);
      let rest: Uint8Array | undefined = new Uint8Array(request.response ?? new ArrayBuffer(0));
      resolve({
        status: request.status,
        headers: { get: (name) => request.getResponseHeader(name) },
        body: {
          getReader: () => ({
            async read() {
              const value = rest;
              rest = undefined;
              return value === undefined ? { done: true } : { done: false, value };
            },
            cancel: async () => undefined,
          }),
        },
      });
    };
    request.send(body);
  });
}

/** The global `fetch`, or XMLHttpRequest where a browser is to tell how much of a body it has sent. */
export const platformFetch: Fetch = (url, init) => {
  const Request = xhrOf();
  const { onSent, length: _, ...standard } = init;
  if (Request !== undefined && onSent !== undefined && init.body instanceof Blob)
    return sendBlob(Request, url, init, init.body, onSent);
  return fetch(url, standard);
};
