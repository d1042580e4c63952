import { connect } from 'node:net';

/** Time for opening a TCP connection, which takes one round trip. */
const CONNECT_MS = 1500;
/** Ports that are tried at most. A node listens on a handful. */
const MAX_PORTS = 8;

/** The TCP ports in a list of multiaddrs. */
export function portsOf(multiaddrs: readonly string[]): number[] {
  const ports = multiaddrs.flatMap((address) => /\/tcp\/(\d{1,5})(?:\/|$)/.exec(address)?.[1] ?? []).map(Number);
  return [...new Set(ports)].filter((port) => port > 0 && port < 65_536).slice(0, MAX_PORTS);
}

/** Whether something accepts TCP connections at `host` and `port`. Never rejects. */
export function canConnect(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: host.replace(/^\[|\]$/g, ''), port });
    const done = (open: boolean): void => {
      socket.destroy();
      resolve(open);
    };
    socket.setTimeout(CONNECT_MS, () => done(false));
    socket.once('connect', () => done(true));
    socket.once('error', () => done(false));
  });
}

/** Whether a URL names this machine itself. */
export const isOfThisMachine = (url: string): boolean => /^(localhost$|127\.|\[::1\])/.test(new URL(url).hostname);
