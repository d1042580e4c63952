import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { type Bytes, LatticeError } from '../../../core/types/index.ts';
import type { VaultObject, VaultService } from '../../../runtime/facade/index.ts';
import { type TokenCheck, tokenHook } from '../../http/access.ts';
import type { BodyDeadlines } from '../../http/body-deadlines.ts';
import { answerBytes, type BytesAbout, wantedBytes } from '../../http/byte-answers.ts';
import { contentDisposition } from '../../http/content-disposition.ts';
import type { Costs } from '../../http/costs.ts';
import type { RouteContext } from '../../http/deps.ts';
import { expectedHash, reprDigest } from '../../http/digests.ts';
import { etagOf } from '../../http/preconditions.ts';
import { type StreamSlots, untilClosed } from '../../http/stream-slots.ts';
import { uploadBody } from '../../http/upload-body.ts';
import { hashOf, known, vaultCacheControl } from './vault-objects.ts';

/** The longest download: its slot is free then for others, and its client goes on by a range. */
const MAX_DOWNLOAD_MS = 60 * 60_000;
/** Even content that a browser shows has no origin, runs no script and loads nothing. */
const CONTENT_POLICY = "sandbox; default-src 'none'; frame-ancestors 'none'";

interface PutQuery {
  readonly name?: string;
  readonly pin?: 'true' | 'false';
}

/** The hash that the content must have, by the path and by the headers. Throws LatticeError `hash-mismatch`. */
function expectationOf(request: FastifyRequest): string | undefined {
  const { hash } = request.params as { readonly hash?: string };
  const expected = expectedHash(request.headers);
  if (hash !== undefined && expected !== undefined && hash !== expected)
    throw new LatticeError('hash-mismatch', 'the path and the headers name different contents', {
      next: 'send the content to the path that its SHA-256 names',
    });
  return hash ?? expected;
}

/** All of an iteration whose first item has been taken already. `pay` is called for each item. */
async function* startingWith(
  first: IteratorResult<Bytes, unknown>,
  rest: AsyncIterator<Bytes>,
  pay: (piece: Bytes) => void,
): AsyncGenerator<Bytes> {
  try {
    for (let item = first; item.done !== true; item = await rest.next()) {
      pay(item.value);
      yield item.value;
    }
  } finally {
    await rest.return?.();
  }
}

/** PUT, GET and HEAD of the content of objects: /api/v1/vault and /api/v1/vault/<hash>. */
export function vaultContentRoutes(
  { inTime, clock, config }: RouteContext,
  vault: VaultService,
  deps: {
    readonly checkToken: TokenCheck;
    readonly costs: Costs;
    readonly deadlines: BodyDeadlines;
    readonly uploads: StreamSlots;
    readonly downloads: StreamSlots;
  },
) {
  const { checkToken, costs, deadlines, uploads, downloads } = deps;

  /** The body, charged as it comes. `ended` is called when all of it is there. */
  async function* bodyOf(request: FastifyRequest, ended: () => void): AsyncGenerator<Bytes, void, void> {
    for await (const chunk of uploadBody(request, clock)) {
      costs.chargeBody(request, chunk.length);
      yield chunk;
    }
    ended();
  }

  async function put(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const { name, pin } = request.query as PutQuery;
    const { 'content-type': type, 'content-length': length } = request.headers;
    const expect = expectationOf(request);
    const { maxObjectBytes } = vault.status();
    // Before anything of the body is read. Node.js has answered `Expect: 100-continue` already.
    if (Number(length ?? 0) > maxObjectBytes)
      throw new LatticeError('object-too-large', `an object has at most ${maxObjectBytes} bytes on this node`, {
        next: 'divide it, or raise DIOTEC360_VAULT_MAX_BYTES',
      });
    untilClosed(reply, uploads.take(request));
    const watchAgain = deadlines.lift(request.raw);
    // Node.js passes over the rest of a body only where nobody has read of it.
    reply.raw.once('finish', () => request.raw.resume());
    const leaving = new AbortController();
    try {
      let ended = (): void => undefined;
      const whole = new Promise<void>((resolve) => {
        ended = resolve;
      });
      const putting = vault.put(bodyOf(request, ended), {
        pin: pin === 'true',
        signal: leaving.signal,
        ...(name === undefined ? {} : { name }),
        ...(type === undefined ? {} : { type: type.trim() }),
        ...(expect === undefined ? {} : { expect }),
      });
      // The body takes as long as it gets on; the time of a request counts from its end.
      const { object, created } = await Promise.race([putting, whole.then(() => inTime(putting))]);
      reply.header('etag', etagOf(object.hash)).header('repr-digest', reprDigest(object.hash));
      if (created) reply.header('location', `/api/v1/vault/${object.hash}`);
      return reply.code(created ? 201 : 200).send(object);
    } catch (error) {
      leaving.abort(error);
      throw error;
    } finally {
      watchAgain();
    }
  }

  function aboutOf({ hash, size, type }: VaultObject): BytesAbout {
    return {
      version: hash,
      type: type === '' ? 'application/octet-stream' : type,
      cacheControl: vaultCacheControl(config),
      length: size,
    };
  }

  /** The headers of the content, beside those that every answer with bytes has. */
  function setHeaders(request: FastifyRequest, reply: FastifyReply, { hash, name }: VaultObject): void {
    const { disposition = 'attachment' } = request.query as { readonly disposition?: 'attachment' | 'inline' };
    reply
      .header('repr-digest', reprDigest(hash))
      .header('content-disposition', contentDisposition(disposition, name))
      .header('content-security-policy', CONTENT_POLICY);
  }

  async function head(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const object = await inTime(known(vault, hashOf(request)));
    const about = aboutOf(object);
    const wanted = wantedBytes(request, reply, about);
    if (wanted !== 'held' && object.here !== 'whole')
      throw new LatticeError('object-missing', 'the bytes of this object are not on this node');
    answerBytes(reply, about, wanted);
    setHeaders(request, reply, object);
    if (wanted !== 'held') reply.header('content-length', object.size);
    return reply.send();
  }

  async function get(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const object = await inTime(known(vault, hashOf(request)));
    const about = aboutOf(object);
    const wanted = wantedBytes(request, reply, about);
    if (wanted === 'held') {
      answerBytes(reply, about, wanted);
      setHeaders(request, reply, object);
      return reply.send();
    }
    const { from, to } = wanted;
    untilClosed(reply, downloads.take(request));
    const { bytes } = await inTime(vault.open(object.hash, { start: from, end: to }));
    const pieces = bytes[Symbol.asyncIterator]();
    const first = pieces.next();
    let begun: IteratorResult<Bytes, unknown>;
    try {
      // Damage that the first block shows is answered as an error and not by a connection that breaks.
      begun = await inTime(first);
    } catch (error) {
      first
        .then(
          () => pieces.return?.(),
          () => undefined,
        )
        .catch(() => undefined);
      throw error;
    }
    const all = startingWith(begun, pieces, (piece) => costs.chargeAnswer(request, piece.length));
    const stream = Readable.from(all, { objectMode: false });
    const limit = clock.after(MAX_DOWNLOAD_MS, () => stream.destroy(new Error('the download took too long')));
    stream.once('close', () => {
      limit.cancel();
      // A stream that is destroyed before anybody reads it does not end what it reads from, so this does.
      pieces.return?.()?.catch(() => undefined);
    });
    answerBytes(reply, about, wanted);
    setHeaders(request, reply, object);
    return reply.header('content-length', to - from).send(stream);
  }

  return async (scope: FastifyInstance): Promise<void> => {
    // The routes read their bodies themselves, piece by piece.
    scope.addContentTypeParser('*', (_request, _payload, done) => done(null));
    const withToken = tokenHook(checkToken);
    scope.put('/api/v1/vault', withToken, put);
    scope.put('/api/v1/vault/:hash', withToken, put);
    scope.head('/api/v1/vault/:hash', head);
    scope.get('/api/v1/vault/:hash', { exposeHeadRoute: false }, get);
  };
}
