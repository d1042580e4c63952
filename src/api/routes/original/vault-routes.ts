import type { FastifyInstance, FastifyReply } from 'fastify';
import { compactJson } from '../../../core/original/canon.ts';
import type { OriginalValue } from '../../../core/original/json.ts';
import { type HeldFile, isHash, isRowIntact, rowState, type VaultRow } from '../../../core/original/vault/index.ts';
import type { RouteContext } from '../../http/deps.ts';
import type { OriginalVault, VaultLook } from './vault.ts';

const sendJson = (reply: FastifyReply, text: string): FastifyReply =>
  reply.header('content-type', 'application/json; charset=utf-8').send(text);

/** A bundle comes before the entry of its function where bundles are asked for, and after it where functions are. */
const asBundle = ({ bundle, entry }: VaultRow): HeldFile | undefined => bundle ?? entry;
const asFunction = ({ bundle, entry }: VaultRow): HeldFile | undefined => entry ?? bundle;

function bundleText(row: VaultRow): string {
  const file = asBundle(row);
  const fields = new Map<string, OriginalValue>([['content_hash', row.hash], ...row.fields]);
  if (file !== undefined && file.kind !== 'function') fields.set('bundle_path', `bundles/${file.fileName}`);
  fields.set('content_hash', row.hash);
  fields.set('integrity_verified', isRowIntact(row, file));
  return compactJson(fields);
}

function functionText(row: VaultRow): string {
  const state = rowState(row, asFunction(row));
  const fields = new Map<string, OriginalValue>(row.fields);
  if (state !== 'ok') fields.set('status', state.toUpperCase());
  return `"${row.hash}":${compactJson(fields)}`;
}

/** A file and what was checked of it. */
function fileText(name: string, row: VaultRow, file: HeldFile): string {
  const claims = row.named
    ? file.claims
    : [
        {
          claim: 'index.json',
          about: 'digest',
          checked: true,
          holds: false,
          reason: 'the index calls this file by another hash than the file does',
        },
        ...file.claims,
      ];
  return `{"success":true,"${name}":${compactJson(file.fields)},"integrity_verified":${isRowIntact(row, file)},"claims":${JSON.stringify(claims)}}`;
}

/** The text that was written for `look` before, or `write` now. */
function writtenOnce(texts: WeakMap<VaultLook, string>, look: VaultLook, write: () => string): string {
  const text = texts.get(look) ?? write();
  texts.set(look, text);
  return text;
}

/** What is known besides, where the state names files whose bytes are not on this node. */
const missing = ({ notHere }: VaultLook): string => (notHere === 0 ? '' : `,"not_here":${notHere}`);

/** The original's endpoints of its vault: its one list of functions and bundles, shown as either (SPEC I10). */
export function originalVaultRoutes({ inTime }: RouteContext, vault: OriginalVault) {
  // The lists of thousands of files take long to write, so each look at the vault has them written once.
  const bundleLists = new WeakMap<VaultLook, string>();
  const functionLists = new WeakMap<VaultLook, string>();

  return async (scope: FastifyInstance): Promise<void> => {
    scope.get('/api/persistence/bundles', async (_request, reply) => {
      const look = await inTime(vault.look());
      const text = writtenOnce(bundleLists, look, () => {
        const rows = Array.from(look.rows.values(), bundleText);
        return `{"success":true,"bundles":[${rows.join(',')}],"count":${rows.length}${missing(look)}}`;
      });
      return sendJson(reply, text);
    });

    scope.get<{ Params: { hash: string } }>('/api/persistence/bundle/:hash', async ({ params }, reply) =>
      answer(reply, params.hash, 'bundle', 'Bundle not found', asBundle),
    );

    scope.get('/api/vault/list', async (_request, reply) => {
      const look = await inTime(vault.look());
      const text = writtenOnce(functionLists, look, () => {
        const rows = Array.from(look.rows.values(), functionText);
        return `{"success":true,"functions":{${rows.join(',')}},"count":${rows.length}${missing(look)}}`;
      });
      return sendJson(reply, text);
    });

    scope.get<{ Params: { hash: string } }>('/api/vault/:hash', async ({ params }, reply) =>
      answer(reply, params.hash, 'function', 'Function not found', asFunction),
    );
  };

  /** The file of a row. The hash is only looked up and never made part of a path. */
  async function answer(
    reply: FastifyReply,
    hash: string,
    name: string,
    detail: string,
    fileOf: (row: VaultRow) => HeldFile | undefined,
  ): Promise<FastifyReply> {
    const look = isHash(hash) ? await inTime(vault.look()) : undefined;
    const row = look?.rows.get(hash);
    const file = row === undefined ? undefined : fileOf(row);
    if (row !== undefined && file !== undefined) return sendJson(reply, fileText(name, row, file));
    if (look === undefined || look.notHere === 0) return reply.code(404).send({ detail });
    const next = `The bytes of ${look.notHere} of the original's files are not on this node: ask another one, or wait.`;
    return reply.code(404).send({ detail, code: 'object-missing', next });
  }
}
