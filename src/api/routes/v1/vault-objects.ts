import type { FastifyInstance, FastifyRequest } from 'fastify';
import { LatticeError } from '../../../core/types/index.ts';
import type { VaultObject, VaultService } from '../../../runtime/facade/index.ts';
import { type Access, tokenHook } from '../../http/access.ts';
import { sendBytes } from '../../http/byte-answers.ts';
import type { RouteContext } from '../../http/deps.ts';
import { createPageText } from '../../http/pages.ts';

/** How long a request waits for a fetch: less than the 30 s after which clients and proxies give up. */
const FETCH_WAIT_MS = 20_000;
/** Fetches that were asked for over HTTP and are under way at a time. */
const MAX_FETCHES = 64;

/**
 * Caches may keep content and leaves for a year, because the hash in their path proves what they are. Where reads need
 * a token, a cache that many share may not: it would give them to whoever asks.
 */
export const vaultCacheControl = ({ api }: RouteContext['config']): string =>
  `${api.readToken === undefined ? 'public' : 'private'}, max-age=31536000, immutable`;

export const hashOf = (request: FastifyRequest): string => (request.params as { readonly hash: string }).hash;

/** What is known of the object. Rejects with LatticeError `object-not-found`. */
export async function known(vault: VaultService, hash: string): Promise<VaultObject> {
  const object = await vault.stat(hash);
  if (object !== undefined) return object;
  throw new LatticeError('object-not-found', 'the vault has no object of this hash', {
    next: 'Check the hash: lattice vault ls lists the objects',
  });
}

/** /api/v1/vault beside the content itself: lists, what is known of an object, pins, fetches, checks, collections. */
export function vaultObjectRoutes({ inTime, clock, config }: RouteContext, vault: VaultService, access: Access) {
  const toOperate = tokenHook(access.operate);
  const toWrite = tokenHook(access.writeAll);
  const fetches = new Map<string, Promise<unknown>>();

  /** Joins the fetch of the object, or begins one. It goes on when nobody waits for it any more. */
  function fetching(hash: string): Promise<unknown> {
    const joined = fetches.get(hash);
    if (joined !== undefined) return joined;
    if (fetches.size >= MAX_FETCHES)
      throw new LatticeError('overloaded', 'too many fetches are under way', { details: { retryAfterMs: 10_000 } });
    const fetched = vault.fetch(hash).finally(() => fetches.delete(hash));
    fetched.catch(() => undefined);
    fetches.set(hash, fetched);
    return fetched;
  }

  async function pin(request: FastifyRequest, pinned: boolean): Promise<VaultObject> {
    return inTime(vault.pin(hashOf(request), pinned));
  }

  return async (scope: FastifyInstance): Promise<void> => {
    scope.get('/api/v1/vault', async (request, reply) => {
      const { limit, cursor } = request.query as { readonly limit: number; readonly cursor?: string };
      const text = createPageText<VaultObject>();
      const page = await inTime(vault.list({ limit, ...(cursor === undefined ? {} : { cursor }), fits: text.fits }));
      return reply
        .header('cache-control', 'no-cache')
        .type('application/json; charset=utf-8')
        .send(text.finish('objects', page.cursor));
    });

    scope.get('/api/v1/vault/status', async (_request, reply) =>
      reply.header('cache-control', 'no-cache').send(vault.status()),
    );

    scope.get('/api/v1/vault/:hash/about', async (request, reply) => {
      const object = await inTime(known(vault, hashOf(request)));
      return reply.header('cache-control', 'no-cache').send(object);
    });

    scope.get('/api/v1/vault/:hash/holders', async (request, reply) => {
      const hash = hashOf(request);
      await inTime(known(vault, hash));
      return reply.header('cache-control', 'no-store').send({ holders: await inTime(vault.holders(hash)) });
    });

    scope.get('/api/v1/vault/:hash/leaves', async (request, reply) => {
      const hash = hashOf(request);
      const leaves = await inTime(vault.leaves(hash));
      return sendBytes(request, reply, {
        version: `${hash}.leaves`,
        type: 'application/octet-stream',
        cacheControl: vaultCacheControl(config),
        length: leaves.length,
        read: (from, to) => leaves.subarray(from, to),
      });
    });

    scope.post('/api/v1/vault/:hash/pin', toWrite, (request) => pin(request, true));
    scope.post('/api/v1/vault/:hash/unpin', toWrite, (request) => pin(request, false));

    scope.post('/api/v1/vault/:hash/fetch', toOperate, async (request, reply) => {
      const hash = hashOf(request);
      await inTime(known(vault, hash));
      let timer: { cancel(): void } | undefined;
      const waited = new Promise<void>((resolve) => {
        timer = clock.after(FETCH_WAIT_MS, resolve);
      });
      try {
        await Promise.race([fetching(hash), waited]);
      } finally {
        timer?.cancel();
      }
      const object = await inTime(known(vault, hash));
      return reply.code(object.here === 'whole' ? 200 : 202).send(object);
    });

    scope.delete('/api/v1/vault/:hash', toWrite, async (request, reply) => {
      await inTime(vault.remove(hashOf(request)));
      return reply.code(204).send();
    });

    scope.post('/api/v1/vault/gc', toOperate, async (request) => {
      const { dryRun } = request.query as { readonly dryRun?: 'true' | 'false' };
      return inTime(vault.collect({ dryRun: dryRun === 'true' }));
    });
  };
}
