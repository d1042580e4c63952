import { WebSocket } from 'ws';

/**
 * Defines two globals that libp2p expects, where they are missing as in Node 20: its dependencies call
 * Promise.withResolvers, and its WebSocket transport dials with the global WebSocket. To be called before libp2p is
 * imported.
 */
export function installShims(): void {
  if (!('withResolvers' in Promise)) {
    Object.defineProperty(Promise, 'withResolvers', { configurable: true, writable: true, value: withResolvers });
  }
  if (!('WebSocket' in globalThis)) {
    Object.defineProperty(globalThis, 'WebSocket', { configurable: true, writable: true, value: WebSocket });
  }
}

function withResolvers<T>(): {
  promise: Promise<T>;
  resolve: (value: T | PromiseLike<T>) => void;
  reject: (reason?: unknown) => void;
} {
  let resolve!: (value: T | PromiseLike<T>) => void;
  let reject!: (reason?: unknown) => void;
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}
