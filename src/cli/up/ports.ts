import { createServer } from 'node:net';
import { LatticeError } from '../../core/types/index.ts';

/** Ports that are tried. When so many are taken, the machine has another problem. */
const MAX_TRIES = 500;

/** Whether a server can listen on 127.0.0.1:`port`. */
function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ host: '127.0.0.1', port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}

export async function areFree(ports: readonly number[]): Promise<boolean> {
  for (const port of ports) if (!(await isFree(port))) return false;
  return true;
}

/** Finds the first of `count` free ports in a row, from `base` up. Rejects with LatticeError `no-ports`. */
export async function nextFreeRange(base: number, count: number): Promise<number> {
  let start = base;
  for (let port = base; port < base + MAX_TRIES && port <= 65_535; port++) {
    if (!(await isFree(port))) start = port + 1;
    else if (port - start + 1 === count) return start;
  }
  throw new LatticeError('no-ports', `no ${count} ports in a row are free from ${base} on`, {
    next: 'Stop what holds them (ss -ltnp shows it).',
  });
}
