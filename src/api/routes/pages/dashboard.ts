import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { extname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { LatticeError } from '../../../core/types/index.ts';
import { sendBytes } from '../../http/byte-answers.ts';

/** Where the build puts the dashboard, as seen from the compiled file. */
const BUILT = new URL('../../../dashboard', import.meta.url);

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** Best first. */
const ENCODINGS = [
  ['br', '.br'],
  ['gzip', '.gz'],
] as const;

const INDEX = 'index.html';
const ONE_YEAR = 31_536_000;

/** One form of a file: plain, or compressed by the build. */
interface Form {
  readonly bytes: Buffer;
  /**
   * Of the bytes, never of size and time: a package's files all bear one time, and two releases of the page differ in a
   * few names of equal length.
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

/** Files of our own build only, a few hundred kilobytes in all, by their path in it. Empty when it was never built. */
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

/** Whether the client takes `encoding`: named without `q=0`. */
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

/** Adds to what the answer varies by: CORS has named the origin already. */
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
    // Every file but the page itself has its content's hash in its name.
    cacheControl: name === INDEX ? 'no-cache' : `public, max-age=${ONE_YEAR}, immutable`,
    ...(encoding === undefined ? {} : { encoding }),
    length: bytes.length,
    read: (from, to) => bytes.subarray(from, to),
  });
}

/**
 * Whether a person's browser asks, which names text/html as programs don't: then it is sent to the dashboard, and true.
 */
export function redirectBrowser(request: FastifyRequest, reply: FastifyReply): boolean {
  varyBy(reply, 'accept');
  if (!/(?:^|[,\s])text\/html(?:[;,\s]|$)/i.test(request.headers.accept ?? '')) return false;
  reply.redirect('dashboard/', 302);
  return true;
}

/**
 * The dashboard under /dashboard/: the files of `directory` (default: the build's), precompressed where the client
 * takes that. Redirects are relative, so that a proxy may serve the node under a path of its own.
 */
export function dashboardRoutes(directory: URL = BUILT) {
  let assets: Promise<ReadonlyMap<string, Asset>> | undefined;

  return async (scope: FastifyInstance): Promise<void> => {
    // Described by its pages, not by the API's document.
    const hidden = { schema: { hide: true } };

    scope.get('/dashboard', hidden, (_request, reply) => reply.redirect('dashboard/', 302));

    scope.get('/dashboard/*', hidden, async (request, reply) => {
      // Read at the first visit: a node that nobody looks at spends nothing on it.
      assets ??= readAssets(fileURLToPath(directory));
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
