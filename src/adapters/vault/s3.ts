import { type Bytes, LatticeError } from '../../core/types/index.ts';
import { BLOCK_HASH_BYTES, blockCount, createContentHash, isContentHash } from '../../core/vault/index.ts';
import type { Log, StoredObject, VaultStore } from '../../ports/index.ts';
import { openDirectory } from './directory.ts';
import type { Disk } from './disk-calls.ts';
import { closedError, damagedError, fileError, removedError } from './errors.ts';
import { NO_LEAVES_BYTES, requireHash, requireRange, requireSize } from './forms.ts';
import { lockDirectory } from './lock.ts';
import { openPartials } from './partials.ts';
import { PIECE_BYTES } from './pieces.ts';
import { createS3Client, type S3Client, type S3ClientDeps, type S3Settings } from './s3-client.ts';
import { tellsAway } from './s3-errors.ts';
import { putInParts } from './s3-upload.ts';
import { listOf } from './s3-xml.ts';
import { openUploads, type Room, type StagedFile } from './uploads.ts';

export type { S3Settings } from './s3-client.ts';

/** Under the prefix of the bucket: each content under its hash, and beside them the leaves of larger ones. */
const OBJECTS = 'objects/';
const LEAVES = 'leaves/';

export interface S3VaultDeps extends S3ClientDeps {
  readonly settings: S3Settings;
  /** Where content lies on this machine until it is whole. */
  readonly directory: string;
  /** The way to the disk of that directory. */
  readonly disk: Disk;
  readonly room: Room;
  readonly log: Log;
}

/**
 * Opens the vault in a bucket of an S3-compatible service. Content is gathered in a local directory first, where it
 * gets its name and is verified; nothing is in the bucket before that. A content of at most 8 MiB is one request.
 *
 * Rejects with LatticeError `vault-store-failed` where the service refuses what it is asked. A service that is away is
 * logged: calls tell of it until it is back.
 */
export async function openS3Vault(deps: S3VaultDeps): Promise<VaultStore> {
  const { hasher, room, settings } = deps;
  const client = await createS3Client(settings, deps);
  const directory = await openDirectory(deps.directory, deps.disk);
  const unlock = await lockDirectory(directory);
  try {
    await checkBucket(client, settings, deps.log);
    const uploads = await openUploads(directory, room);
    const partials = await openPartials(directory, room, hasher);
    const readings = new Map<string, Set<{ removed: boolean }>>();
    let closing: Promise<void> | undefined;

    async function call<T>(work: () => Promise<T>): Promise<T> {
      if (closing !== undefined) throw closedError();
      try {
        return await work();
      } catch (error) {
        throw error instanceof RangeError ? error : fileError(directory.path, error);
      }
    }

    async function find(hash: string): Promise<StoredObject | undefined> {
      const request = { method: 'HEAD', key: OBJECTS + requireHash(hash) } as const;
      const answer = await client.send(request).catch(async (error: unknown) => {
        // Answers to HEAD have no body, so the reason is asked for in another way.
        await checkBucket(client, settings);
        throw error;
      });
      if (answer === undefined) return undefined;
      await answer.drop();
      const size = Number(answer.header('content-length') || Number.NaN);
      const storedAt = Date.parse(answer.header('last-modified'));
      if (Number.isNaN(size) || Number.isNaN(storedAt))
        throw client.failure(new Error('it tells neither size nor time of an object'));
      return { hash, size, storedAt };
    }

    const deliver = async (file: StagedFile, hash: string, leaves: Bytes): Promise<void> => {
      const withLeaves = file.size > NO_LEAVES_BYTES;
      if (withLeaves) await put(client, LEAVES + hash, leaves);
      try {
        await putInParts(client, OBJECTS + requireHash(hash), file);
      } catch (error) {
        // Leaves without content would stay for good. Where the content was there before, they are computed from it.
        if (withLeaves) await remove(client, LEAVES + hash).catch(() => undefined);
        throw error;
      }
    };

    async function* read(hash: string, start: number, end: number): AsyncGenerator<Bytes, void> {
      const reading = { removed: false };
      const those = readings.get(hash) ?? new Set();
      readings.set(hash, those.add(reading));
      try {
        for await (const piece of readRange(client, hash, start, end)) {
          if (reading.removed) throw removedError(hash);
          if (closing !== undefined) throw closedError();
          yield piece;
        }
      } finally {
        those.delete(reading);
        if (those.size === 0 && readings.get(hash) === those) readings.delete(hash);
      }
    }

    async function leavesOf(hash: string): Promise<Bytes | undefined> {
      const stored = await find(hash);
      if (stored === undefined) return undefined;
      const length = blockCount(stored.size) * BLOCK_HASH_BYTES;
      const answer =
        stored.size > NO_LEAVES_BYTES ? await client.send({ method: 'GET', key: LEAVES + hash }) : undefined;
      if (answer !== undefined && Number(answer.header('content-length')) === length) {
        const leaves = new Uint8Array(length);
        let filled = 0;
        try {
          for await (const chunk of answer.body) {
            leaves.set(chunk, filled);
            filled += chunk.length;
          }
        } catch (cause) {
          throw client.failure(cause);
        }
        if (filled === length) return leaves;
      } else await answer?.drop();
      const running = createContentHash(hasher);
      for await (const piece of read(hash, 0, stored.size)) running.update(piece);
      return running.digest().leaves;
    }

    /** What was begun of a content block by block is of no use once the content is whole. */
    const deliverWhole: typeof deliver = async (file, hash, leaves) => {
      await deliver(file, hash, leaves);
      await partials.remove(hash);
    };

    return {
      begin: () => call(() => uploads.begin(deliverWhole)),
      resume: (hash, size, signal) => call(() => partials.resume(requireHash(hash), size, deliver, signal)),
      stat: (hash) => call(() => find(hash)),
      leaves: (hash) => call(() => leavesOf(hash)),
      read: (hash, start, end, size) =>
        call(async () => {
          const stored = await find(hash);
          if (stored === undefined) return undefined;
          requireSize(stored, size);
          requireRange(start, end, stored.size);
          return read(hash, start, end);
        }),
      async *list() {
        let from: string | undefined;
        do {
          const { objects, next } = await call(() => page(client, settings, from));
          if (objects.length > 0) yield objects;
          from = next;
        } while (from !== undefined);
      },
      partials: () => call(() => partials.list()),
      remove: (hash) =>
        call(async () => {
          const begun = await partials.remove(requireHash(hash));
          const stored = await find(hash);
          for (const reading of readings.get(hash) ?? []) reading.removed = true;
          if (stored === undefined) return begun;
          await remove(client, LEAVES + hash);
          await remove(client, OBJECTS + hash);
          return true;
        }),
      close() {
        closing ??= (async () => {
          await client.close();
          await uploads.close();
          await partials.close();
          await unlock();
        })();
        return closing;
      },
    };
  } catch (error) {
    await client.close();
    await unlock();
    throw fileError(directory.path, error);
  }
}

/**
 * Asks for a list of one object, because its refusal says what is wrong. With a log, a service that is away is logged
 * and nothing else: it may be back when it is needed.
 */
async function checkBucket(client: S3Client, settings: S3Settings, log?: Log): Promise<void> {
  const query = { 'list-type': '2', 'max-keys': '1', prefix: settings.prefix + OBJECTS };
  try {
    await (await client.send({ method: 'GET', query, once: true }))?.drop();
  } catch (error) {
    if (log === undefined || !(error instanceof LatticeError) || !tellsAway(error)) throw error;
    log.warn(
      { bucket: settings.bucket, error: error.message, next: error.next },
      'The vault’s bucket cannot be reached',
    );
  }
}

async function put(client: S3Client, key: string, body: Bytes): Promise<void> {
  await (await client.send({ method: 'PUT', key, body }))?.drop();
}

async function remove(client: S3Client, key: string): Promise<void> {
  await (await client.send({ method: 'DELETE', key }))?.drop();
}

async function page(
  client: S3Client,
  settings: S3Settings,
  from: string | undefined,
): Promise<{ readonly objects: readonly StoredObject[]; readonly next: string | undefined }> {
  const prefix = settings.prefix + OBJECTS;
  const query = { 'list-type': '2', prefix, ...(from === undefined ? {} : { 'continuation-token': from }) };
  const answer = await client.send({ method: 'GET', query });
  const { objects, next } = listOf((await answer?.text()) ?? '');
  const ours = objects
    .map(({ key, size, at }) => ({ hash: key.startsWith(prefix) ? key.slice(prefix.length) : '', size, storedAt: at }))
    .filter(({ hash }) => isContentHash(hash));
  return { objects: ours, next };
}

/** The bytes of an object. Where a connection fails on the way, the rest is asked for. */
async function* readRange(client: S3Client, hash: string, start: number, end: number): AsyncGenerator<Bytes, void> {
  let at = start;
  let tries = client.tries();
  while (at < end) {
    const headers = { range: `bytes=${at}-${end - 1}` };
    const answer = await client.send({ method: 'GET', key: OBJECTS + hash, headers });
    if (answer === undefined) throw removedError(hash);
    // A service that does not know ranges answers with the whole.
    if (answer.status !== 206 && at > 0) {
      await answer.drop();
      throw damagedError(hash, 'the service answers no ranges of it');
    }
    const before = at;
    let cause: unknown = new Error('the answer ended early');
    try {
      for await (const chunk of answer.body) {
        for (let from = 0; from < chunk.length && at < end; ) {
          const piece = chunk.subarray(from, from + Math.min(PIECE_BYTES, end - at));
          from += piece.length;
          at += piece.length;
          yield piece;
        }
        // The rest of the whole is not wanted. An answer of the range is read to its end, which frees its connection.
        if (at >= end && answer.status !== 206) return;
      }
    } catch (error) {
      cause = error;
    }
    if (at >= end) return;
    if (at > before) tries = client.tries();
    if (!(await tries.again())) throw client.failure(cause);
  }
}
