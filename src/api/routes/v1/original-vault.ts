import type { FastifyInstance } from 'fastify';
import { isObject, textHash } from '../../../core/original/canon.ts';
import { parseOriginalJson } from '../../../core/original/json.ts';
import {
  type BundleMaker,
  isRowIntact,
  type MadeBundle,
  makeContentBundle,
  makeFunctionBundle,
  vaultType,
} from '../../../core/original/vault/index.ts';
import { type Bytes, type JsonValue, LatticeError } from '../../../core/types/index.ts';
import type { VaultService } from '../../../runtime/facade/index.ts';
import { type TokenCheck, tokenHook } from '../../http/access.ts';
import type { RouteContext } from '../../http/deps.ts';
import { acceptJson, jsonOf } from '../../http/requests.ts';
import { hasher } from '../original/hasher.ts';
import type { OriginalVault } from '../original/vault.ts';

type Asked =
  | { readonly code: string; readonly metadata?: { readonly [key: string]: JsonValue } }
  | { readonly function: string };

const utf8 = new TextEncoder();

async function* once(bytes: Bytes): AsyncGenerator<Bytes> {
  yield bytes;
}

/** The original's files in the vault of the fleet: what they count, and bundles of this node's own (SPEC I10, I11). */
export function originalVaultV1Routes(
  { lattice, inTime }: RouteContext,
  vault: VaultService,
  original: OriginalVault,
  checkToken: TokenCheck,
) {
  const maker = (): BundleMaker => {
    const { network, author } = lattice.status();
    const now = new Date();
    return {
      network,
      author,
      sign: (text) => lattice.signText(text),
      now: { ms: now.getTime(), iso: now.toISOString() },
    };
  };

  /** The bundle that is asked for. Rejects with LatticeError `not-found`, `vault-file-malformed` or `-mismatch`. */
  async function make(asked: Asked): Promise<MadeBundle> {
    if ('code' in asked) {
      const metadata = parseOriginalJson(JSON.stringify(asked.metadata ?? {}));
      return makeContentBundle(asked.code, isObject(metadata) ? metadata : new Map(), maker(), hasher);
    }
    const { rows, certificates } = await original.look();
    const entry = rows.get(asked.function)?.entry;
    if (entry === undefined) {
      throw new LatticeError('not-found', 'the vault has no entry of this function', {
        next: 'GET /api/vault/list lists functions; put the entry of this one into the vault first.',
      });
    }
    return makeFunctionBundle(entry, certificates.get(asked.function), maker(), hasher);
  }

  return async (scope: FastifyInstance): Promise<void> => {
    acceptJson(scope);
    scope.get('/api/v1/vault/original', async (_request, reply) => {
      const { root, rows, counts, notHere } = await inTime(original.look());
      return reply.header('cache-control', 'no-cache').send({ root, rows: rows.size, ...counts, notHere });
    });

    const withToken = tokenHook(checkToken);
    scope.post('/api/v1/vault/bundles', withToken, async (request, reply) => {
      const asked = jsonOf(request) as unknown as Asked;
      const known = 'code' in asked ? textHash(asked.code, hasher) : asked.function;
      const { rows } = await inTime(original.look());
      const row = rows.get(known);
      const held = row?.bundle;
      if (row !== undefined && held?.object !== undefined && isRowIntact(row, held)) {
        const { kind, fileName: name, object } = held;
        return reply.send({ hash: object, bundle: known, kind, name, created: false });
      }
      const { form, text } = await inTime(make(asked));
      const { kind, name } = form;
      const put = vault.put(once(utf8.encode(text)), { name, type: vaultType(kind) });
      const { object } = await inTime(put);
      original.forget();
      return reply.code(201).send({ hash: object.hash, bundle: form.hash, kind, name, created: true });
    });
  };
}
