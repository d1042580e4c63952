import { randomFillSync } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { nodeHasher } from '../../src/adapters/system/index.ts';
import type { Bytes } from '../../src/core/types/index.ts';

const hasher = nodeHasher();

/** Writes a file of random bytes. */
export async function makeSource(path: string, size: number): Promise<void> {
  const file = await open(path, 'w');
  const piece = new Uint8Array(8 * 2 ** 20);
  for (let at = 0; at < size; at += piece.length) await file.write(randomFillSync(piece));
  await file.sync();
  await file.close();
}

/** Writes what comes to a file, as a stream does, and makes it durable. */
export async function writeFile(path: string, content: AsyncIterable<Bytes>): Promise<void> {
  const out = createWriteStream(path);
  for await (const chunk of content)
    if (!out.write(chunk)) await new Promise<void>((resolve) => out.once('drain', () => resolve()));
  await new Promise<void>((resolve, reject) => {
    out.on('error', reject);
    out.end(() => resolve());
  });
  await syncFile(path);
}

async function syncFile(path: string): Promise<void> {
  const file = await open(path, 'r+');
  await file.sync();
  await file.close();
}

/** The limit: a stream copy with SHA-256, made durable as the vault makes its files. */
export async function copy(from: string, to: string): Promise<void> {
  const running = hasher.running();
  const hashed = async function* (): AsyncGenerator<Bytes> {
    for await (const chunk of createReadStream(from)) {
      running.update(chunk as Bytes);
      yield chunk as Bytes;
    }
  };
  await writeFile(to, hashed());
  running.digest();
}
