import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { extname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { LatticeError } from '../../../core/types/index.ts';
import { sendBytes } from '../../http/byte-answers.ts';

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** Content codings and the suffixes of files in them, the one that compresses best first. */
const ENCODINGS = [
  ['br', '.br'],
  ['gzip', '.gz'],
] as const;

const INDEX = 'index.html';
/** Seconds. */
const ONE_YEAR = 31_536_000;

/** A file, plain or as the build has compressed it. */
interface Form {
  readonly bytes: Buffer;
  /**
   * The beginning of the SHA-256 of the bytes, for the ETag. Size and time would not do: all files of a package bear
   * one time, and the pages of two releases differ only in a few names of equal length.
   */
  readonly version: string;
}

interface Asset {
  readonly type: string;
  readonly plain: Form;
  readonly packed: ReadonlyMap<string, Form>;
}

const formOf = (bytes: Buffer): Form => ({
  bytes,
  version: createHash('sha256').update(bytes).digest('hex').slice(0, 32),
});

/** The files of the build by their path in it, a few hundred kilobytes in all. Empty when nothing was built. */
async function readAssets(directory: string): Promise<ReadonlyMap<string, Asset>> {
  const found = await readdir(directory, { recursive: true, withFileTypes: true }).catch(() => []);
  const files = new Map<string, Buffer>();
  for (const entry of found) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    files.set(relative(directory, path).split(sep).join('/'), await readFile(path));
  }
  const assets = new Map<string, Asset>();
  for (const [name, plain] of files) {
    const type = TYPES[extname(name)];
    if (type === undefined) continue;
    const packed = ENCODINGS.flatMap(([encoding, suffix]) => {
      const bytes = files.get(name + suffix);
      return bytes === undefined ? [] : [[encoding, formOf(bytes)] as const];
    });
    assets.set(name, { type, plain: formOf(plain), packed: new Map(packed) });
  }
  return assets;
}

/** Whether the client's Accept-Encoding names `encoding` without `q=0`. */
function accepts(request: FastifyRequest, encoding: string): boolean {
  const header = request.headers['accept-encoding'];
  return (
    typeof header === 'string' &&
    header.split(',').some((part) => {
      const [name = '', ...parameters] = part.split(';').map((text) => text.trim().toLowerCase());
      return name === encoding && !parameters.some((parameter) => /^q=0(?:\.0*)?$/.test(parameter));
    })
  );
}

/** Adds a header to those that the answer varies by, because CORS may have named `Origin` already. */
function varyBy(reply: FastifyReply, name: string): void {
  const named = reply.getHeader('vary');
  reply.header('vary', named === undefined ? name : `${String(named)}, ${name}`);
}

function send(request: FastifyRequest, reply: FastifyReply, name: string, asset: Asset): FastifyReply {
  varyBy(reply, 'accept-encoding');
  const encoding = ENCODINGS.map(([known]) => known).find(
    (known) => asset.packed.has(known) && accepts(request, known),
  );
  const { bytes, version } = (encoding === undefined ? undefined : asset.packed.get(encoding)) ?? asset.plain;
  return sendBytes(request, reply, {
    version,
    type: asset.type,
    // Every file but the page itself has the hash of its content in its name, so that it never changes.
    cacheControl: name === INDEX ? 'no-cache' : `public, max-age=${ONE_YEAR}, immutable`,
    ...(encoding === undefined ? {} : { encoding }),
    length: bytes.length,
    read: (from, to) => bytes.subarray(from, to),
  });
}

/**
 * Sends a person's browser to the dashboard, and answers whether it has. A browser is known by text/html in its Accept
 * header, which programs do not name.
 */
export function redirectBrowser(request: FastifyRequest, reply: FastifyReply): boolean {
  varyBy(reply, 'accept');
  if (!/(?:^|[,\s])text\/html(?:[;,\s]|$)/i.test(request.headers.accept ?? '')) return false;
  reply.redirect('dashboard/', 302);
  return true;
}

/**
 * Serves the files of `directory`, if one is given, under /dashboard/, as the build has compressed them where the client takes that.
 * Redirects are relative, so that a proxy may serve the node under a path of its own.
 */
export function dashboardRoutes(directory: URL | undefined) {
  let assets: Promise<ReadonlyMap<string, Asset>> | undefined;

  return async (scope: FastifyInstance): Promise<void> => {
    // Where the contract has these routes its schema replaces this one. Elsewhere they stay out of the document.
    const hidden = { schema: { hide: true } };

    scope.get('/dashboard', hidden, (_request, reply) => reply.redirect('dashboard/', 302));

    scope.get('/dashboard/*', hidden, async (request, reply) => {
      // The files are read at the first visit, so that a node without visitors spends nothing on them.
      assets ??=
        directory === undefined ? Promise.resolve(new Map<string, Asset>()) : readAssets(fileURLToPath(directory));
      const files = await assets;
      if (files.size === 0) {
        assets = undefined;
        throw new LatticeError('not-found', 'the dashboard is not part of this build', { next: 'npm run build' });
      }
      const name = (request.raw.url ?? '').split('?', 1)[0]?.slice('/dashboard/'.length) ?? '';
      const asset = files.get(name === '' ? INDEX : name);
      if (asset === undefined)
        throw new LatticeError('not-found', 'the dashboard has no such file', { next: 'open /dashboard/' });
      return send(request, reply, name === '' ? INDEX : name, asset);
    });
  };
}
