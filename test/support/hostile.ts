import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import {
  createSigner,
  createVerifier,
  nodeHasher,
  systemClock,
  systemRandom,
} from '../../src/adapters/system/index.ts';
import { makeHlc } from '../../src/core/clock/index.ts';
import {
  type Author,
  type Bytes,
  type Hlc,
  hexToBytes,
  type JsonValue,
  LatticeError,
} from '../../src/core/types/index.ts';
import {
  createCommit,
  createSignedHead,
  decodeSync,
  encodeFragment,
  encodeSync,
  type SyncMessage,
  trustHash,
} from '../../src/core/wire/index.ts';
import type { Signer } from '../../src/ports/index.ts';
import { createSyncService } from '../../src/runtime/exchange/sync-service.ts';
import type { Node } from './fleet.ts';

export const hasher = nodeHasher();

/** The seed and key of a node of the fleet, for whoever plays that node. */
export function keyOf(node: Node): { readonly seed: Bytes; readonly signer: Signer } {
  const seed = hexToBytes(readFileSync(node.keyFile, 'utf8').trim());
  if (seed === undefined) throw new Error(`${node.keyFile} holds no key`);
  return { seed, signer: createSigner(seed) };
}

export const strangerKey = (): Signer => createSigner(systemRandom().bytes(32));

/** One put as the bytes of a signed commit, `aheadMs` in the future. */
export function putBytes(options: {
  readonly signer: Signer;
  readonly network: string;
  readonly key: string;
  readonly value: JsonValue;
  readonly aheadMs?: number;
}): Bytes {
  const { signer, network, key, value, aheadMs = 0 } = options;
  const operations = [{ kind: 'put' as const, key, value, context: [] }];
  const commit = createCommit(
    { network, author: signer.author, hlc: makeHlc(Date.now() + aheadMs, 0), operations },
    hasher,
    (m) => signer.sign(m),
  );
  return encodeFragment(commit);
}

/** The same bytes with one bit other. */
export function flipBit(bytes: Bytes, at: number): Bytes {
  const copy = bytes.slice();
  copy[at] = (copy[at] as number) ^ 0x01;
  return copy;
}

/**
 * The same fragment with a bit of its signature flipped: the signature is the fragment's second item, 64 bytes after
 * 0x58 0x40.
 */
export function spoilSignature(fragment: Bytes): Bytes {
  for (let at = 0; at + 66 < fragment.length; at++) {
    // The header is a byte string too: its head gives its length, and the signature follows.
    if (fragment[at] === 0x58 && fragment[at + 1] === 0x40) return flipBit(fragment, at + 20);
  }
  throw new Error('there is no signature in the fragment');
}

export interface FakePeer {
  /** Requests that it got, by type. */
  readonly asked: Readonly<Record<string, number>>;
  close(): Promise<void>;
}

export interface FakePeerOptions {
  /** The node it poses as, with its key, at its address. It must not run. */
  readonly as: Node;
  readonly trusted: readonly string[];
  /** What its signed heads claim. */
  readonly head: { readonly root: Bytes; readonly entries: number; readonly hlc: Hlc };
  /** Its answers to everything but a hello; undefined: none, ever. */
  readonly answer: (message: SyncMessage) => SyncMessage | undefined;
}

/** A peer with a trusted key that speaks the sync protocol over HTTP, and lies. */
export async function createFakePeer({ as, trusted, head, answer }: FakePeerOptions): Promise<FakePeer> {
  const { signer } = keyOf(as);
  const incarnation = systemRandom().bytes(8);
  const asked: Record<string, number> = {};
  let sequence = 0;
  const reply = (message: SyncMessage): SyncMessage | undefined => {
    asked[message.type] = (asked[message.type] ?? 0) + 1;
    if (message.type !== 'hello') return answer(message);
    const claim = {
      ...head,
      network: as.network,
      author: signer.author,
      incarnation,
      sequence: ++sequence,
      trustHash: trustHash(trusted as readonly Author[], hasher),
      wallMs: Date.now(),
    };
    return {
      type: 'hello',
      software: 'fake',
      head: createSignedHead(claim, (m) => signer.sign(m)),
      yourHlc: 0n as Hlc,
    };
  };
  const service = createSyncService({
    signer,
    verifier: createVerifier(),
    hasher,
    random: systemRandom(),
    clock: systemClock(),
    incarnation,
    isAllowed: () => true,
    isLeftOut: () => false,
    onStranger: () => undefined,
    handle: async (_peer, bytes) => {
      const said = reply(decodeSync(bytes));
      return said === undefined ? await new Promise<never>(() => undefined) : encodeSync(said);
    },
    openStream: async () => ({ close: () => undefined }),
  });

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://127.0.0.1');
    const send = (bytes: Bytes): void => void response.setHeader('content-type', 'application/cbor').end(bytes);
    if (url.pathname === '/api/v1/sync/identity') {
      send(
        service.identify(
          hexToBytes(url.searchParams.get('nonce') ?? '') ?? new Uint8Array(),
          url.searchParams.get('url') ?? '',
        ),
      );
    } else if (url.pathname === '/api/v1/sync') {
      const chunks: Uint8Array[] = [];
      for await (const chunk of request) chunks.push(chunk as Uint8Array);
      send(await service.handle(new Uint8Array(Buffer.concat(chunks))));
    } else response.writeHead(404).end();
  }
  const server = createServer((request, response) => {
    serve(request, response).catch((error: unknown) => {
      // As a node answers: a session of an earlier fake is told apart from a dead line.
      if (error instanceof LatticeError && error.code === 'sync-unauthorized') response.writeHead(401).end();
      else response.destroy();
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: '127.0.0.1', port: Number(new URL(as.api.url).port) }, resolve);
  });
  return {
    asked,
    async close() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
