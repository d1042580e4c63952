import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { median } from './figures.ts';

const SYNCS = 200;

/** Small appends a second, each made durable before the next: the limit that the disk sets for single writes. */
export function syncsPerSecond(dir: string): number {
  const file = openSync(join(dir, 'sync'), 'w');
  const times: number[] = [];
  for (let i = 0; i < SYNCS; i++) {
    const from = performance.now();
    writeSync(file, Buffer.alloc(512, i));
    fdatasyncSync(file);
    times.push(performance.now() - from);
  }
  closeSync(file);
  return 1000 / median(times);
}
