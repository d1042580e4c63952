import { type Bytes, type Hasher, LatticeError } from '../../core/types/index.ts';
import {
  type ContentDigest,
  createContentHash,
  isContentHash,
  isObjectName,
  isObjectType,
  MAX_OBJECT_NAME_BYTES,
  MAX_OBJECT_TYPE_LENGTH,
  vaultKey,
  vaultValue,
} from '../../core/vault/index.ts';
import type { StoredObject, Upload, VaultStore } from '../../ports/index.ts';
import { raceAbort } from '../../timing/index.ts';
import type { Lattice, VaultObject, VaultPutOptions } from '../facade/index.ts';
import type { Inventory } from './inventory.ts';
import type { Turns } from './turns.ts';

/** Contents that are taken in at a time: each holds a file and up to 1 MiB of memory. */
const MAX_PUTS = 32;
/** Bytes that are hashed and written at a time, so that one large piece does not hold up everything else. */
const MAX_PIECE_BYTES = 1024 * 1024;

export interface PutDeps {
  readonly store: Pick<VaultStore, 'begin' | 'stat' | 'remove'>;
  readonly hasher: Hasher;
  readonly inventory: Inventory;
  readonly turns: Turns;
  readonly maxObjectBytes: () => number;
  /** Throws when the node refuses writes, with what a write would reject with. */
  readonly checkWritable: () => void;
  readonly write: Lattice['write'];
  readonly stat: (hash: string) => Promise<VaultObject | undefined>;
  readonly pin: (hash: string, pinned: boolean) => Promise<VaultObject>;
  /** Told when content has become whole here. */
  readonly onHeld: (stored: StoredObject) => void;
}

/** Also of another realm, such as a test runner's. */
const isBytes = (piece: unknown): piece is Bytes =>
  ArrayBuffer.isView(piece) && Object.prototype.toString.call(piece) === '[object Uint8Array]';

const quoted = (text: string): string => JSON.stringify(text.slice(0, 80));

/** LatticeError `invalid-hash` for a text that cannot be the hash of a content. */
export function checkHash(hash: string): void {
  if (!isContentHash(hash))
    throw new LatticeError('invalid-hash', `The hash ${quoted(hash)} does not name an object.`, {
      next: 'Write the SHA-256 of the content as 64 hex digits in lower case.',
    });
}

function checkOptions({ name = '', type = '', expect }: VaultPutOptions): void {
  if (expect !== undefined) checkHash(expect);
  if (!isObjectType(type))
    throw new LatticeError('invalid-value', `An object cannot have the media type ${quoted(type)}.`, {
      next: `Leave the type out, or write one such as text/plain, in at most ${MAX_OBJECT_TYPE_LENGTH} characters.`,
    });
  if (!isObjectName(name))
    throw new LatticeError('invalid-value', `An object cannot have the name ${quoted(name)}.`, {
      next:
        `Leave the name out, or write a file name of at most ${MAX_OBJECT_NAME_BYTES} bytes, without a directory ` +
        'and without control characters.',
    });
}

/** Takes content in: the bytes are durable before the entry that names them is written. */
export function createPut(deps: PutDeps): {
  readonly put: (
    content: AsyncIterable<Bytes>,
    options?: VaultPutOptions,
  ) => Promise<{ readonly object: VaultObject; readonly created: boolean }>;
} {
  const { store, inventory } = deps;
  let underWay = 0;

  /** Reads the content to its end into the upload. Ends early when it is too long or the signal aborts. */
  async function take(
    content: AsyncIterable<Bytes>,
    upload: Upload,
    signal: AbortSignal | undefined,
  ): Promise<ContentDigest> {
    const limit = deps.maxObjectBytes();
    const digest = createContentHash(deps.hasher);
    const source = content[Symbol.asyncIterator]();
    let ended = false;
    try {
      for (;;) {
        const next = source.next();
        const { done, value } = await (signal === undefined ? next : raceAbort(next, signal));
        if (done === true) {
          ended = true;
          return digest.digest();
        }
        if (!isBytes(value))
          throw new LatticeError('invalid-value', 'Content comes as pieces of the type Uint8Array.', {
            next: 'Turn text into bytes with TextEncoder, and a buffer with new Uint8Array(buffer).',
          });
        if (digest.size + value.length > limit)
          throw new LatticeError(
            'object-too-large',
            `The content is longer than ${limit} bytes, the most of an object.`,
            {
              next: 'Split it, or raise DIOTEC360_VAULT_MAX_BYTES on this node.',
              details: { maxBytes: limit },
            },
          );
        for (let at = 0; at < value.length; at += MAX_PIECE_BYTES) {
          // A copy: a store may keep it for longer than a source that has one buffer leaves it alone.
          const piece = value.slice(at, at + MAX_PIECE_BYTES);
          // The disk takes the piece while it is hashed.
          const written = upload.write(piece);
          written.catch(() => undefined);
          digest.update(piece);
          await written;
        }
      }
    } finally {
      // A source that waits for its next piece may never end, so nobody waits for it.
      if (!ended) source.return?.().catch(() => undefined);
    }
  }

  /** Stores what was taken and writes its entry. To be called in the turn of the object. */
  async function name(
    { hash, size, root, leaves }: ContentDigest,
    upload: Upload,
    options: VaultPutOptions,
  ): Promise<{ readonly object: VaultObject; readonly created: boolean }> {
    const { name: fileName = '', type = '', pin = false } = options;
    const before = await store.stat(hash);
    // What lies there may be damaged, so the bytes that were just hashed take its place.
    await upload.commit(hash, leaves);
    const stored = await store.stat(hash);
    if (stored !== undefined) deps.onHeld(stored);
    const known = await deps.stat(hash);
    if (known !== undefined) return { object: await pinned(known, pin), created: false };
    try {
      const value = vaultValue({ size, root, type, name: fileName, pinned: pin });
      await deps.write([{ op: 'put', key: vaultKey(hash), value, ifNoneMatch: '*' }], { signal: options.signal });
    } catch (error) {
      const named = await deps.stat(hash).catch(() => undefined);
      if (named !== undefined && error instanceof LatticeError && error.code === 'precondition-failed')
        return { object: await pinned(named, pin), created: false };
      // Nothing names what this put has stored, unless it was here before.
      if (before === undefined && named === undefined) {
        inventory.setHeld(hash, undefined);
        await store.remove(hash).catch(() => undefined);
      }
      throw error;
    }
    const object = await deps.stat(hash);
    if (object === undefined)
      throw new LatticeError('object-not-found', `Object ${hash} was removed while it was put.`, {
        next: 'Put it again.',
      });
    return { object, created: true };
  }

  const pinned = async (object: VaultObject, pin: boolean): Promise<VaultObject> =>
    pin && !object.pinned ? deps.pin(object.hash, true) : object;

  return {
    async put(content, options = {}) {
      checkOptions(options);
      options.signal?.throwIfAborted();
      deps.checkWritable();
      if (underWay >= MAX_PUTS)
        throw new LatticeError('overloaded', `${MAX_PUTS} contents are being put at the same time.`, {
          next: 'Put it again when one of them has ended.',
          details: { retryAfterMs: 1000 },
        });
      underWay++;
      let upload: Upload | undefined;
      try {
        upload = await store.begin();
        const digest = await take(content, upload, options.signal);
        if (options.expect !== undefined && digest.hash !== options.expect)
          throw new LatticeError(
            'hash-mismatch',
            `The content has the SHA-256 ${digest.hash}, not ${options.expect}.`,
            {
              next: 'Send it again; if that fails, the content or the expected hash is another one than you think.',
              details: { hash: digest.hash, expected: options.expect },
            },
          );
        const whole = upload;
        return await deps.turns.run(digest.hash, () => name(digest, whole, options));
      } catch (error) {
        await upload?.abort();
        throw error;
      } finally {
        underWay--;
      }
    },
  };
}
