import { connect } from 'node:net';

/** Opening a TCP connection takes one round trip. */
const CONNECT_MS = 1500;
/** A node listens on a handful of ports. */
const MAX_PORTS = 8;

/** The TCP ports in a list of multiaddrs. */
export function portsOf(multiaddrs: readonly string[]): number[] {
  const ports = multiaddrs.flatMap((address) => /\/tcp\/(\d{1,5})(?:\/|$)/.exec(address)?.[1] ?? []).map(Number);
  return [...new Set(ports)].filter((port) => port > 0 && port < 65_536).slice(0, MAX_PORTS);
}

/** Whether something accepts TCP connections there. */
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
