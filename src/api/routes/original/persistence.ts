import type { FastifyInstance, FastifyReply } from 'fastify';
import type { OriginalValue } from '../../../core/original/json.ts';
import type { Lattice } from '../../../runtime/facade/index.ts';
import type { Timers } from '../../../timing/index.ts';
import type { RouteContext } from '../../http/deps.ts';
import { auditStatsText } from './audit.ts';
import { compactJson, createOriginalVault, type OriginalObject, type VaultContents, type VaultFile } from './vault.ts';

const HASH = /^[0-9a-f]{64}$/;
const NO_VAULT: VaultContents = { bundles: new Map(), functions: new Map(), index: new Map() };

/**
 * Runs one check of the whole store at a time, and answers everyone who asks meanwhile with its outcome. The outcome is
 * kept for as long as the check took, so that checks, which read the whole store, take at most half of the node's time.
 */
function createIntegrityCheck(lattice: Lattice, clock: Timers): () => ReturnType<Lattice['verifyIntegrity']> {
  let current: ReturnType<Lattice['verifyIntegrity']> | undefined;
  return () => {
    if (current !== undefined) return current;
    const from = performance.now();
    const check = lattice.verifyIntegrity().finally(() => {
      clock.after(performance.now() - from, () => {
        current = undefined;
      });
    });
    current = check;
    return check;
  };
}

const sendJson = (reply: FastifyReply, text: string): FastifyReply =>
  reply.header('content-type', 'application/json; charset=utf-8').send(text);

/** A row as the original lists it. Where index.json and the file both have a field, index.json counts. */
function rowOf(
  contents: VaultContents,
  file: VaultFile,
  own: readonly (readonly [string, OriginalValue | undefined])[],
): Map<string, OriginalValue> {
  const row = new Map<string, OriginalValue>();
  for (const [name, value] of own) if (value !== undefined) row.set(name, value);
  const indexed = contents.index.get(file.hash);
  if (indexed instanceof Map) for (const [name, value] of indexed as OriginalObject) row.set(name, value);
  return row;
}

function bundleRow(contents: VaultContents, file: VaultFile): OriginalValue {
  const { fields } = file;
  const metadata = fields.get('metadata');
  const intent =
    fields.get('intent_name') ??
    (metadata instanceof Map ? (metadata as OriginalObject).get('intent_name') : undefined);
  const row = rowOf(contents, file, [
    ['content_hash', file.hash],
    ['intent_name', intent ?? 'unknown'],
    ['bundle_path', file.path],
    ['timestamp', fields.get('timestamp')],
    ['created_at', fields.get('created_at')],
  ]);
  // The path is that of the file here, not that on the machine that wrote the index.
  row.set('content_hash', file.hash);
  row.set('bundle_path', file.path);
  row.set('integrity_verified', file.verified);
  return row;
}

function functionRow(contents: VaultContents, file: VaultFile): OriginalValue {
  const { fields } = file;
  const row = rowOf(contents, file, [
    ['intent_name', fields.get('intent_name')],
    ['logic_hash', fields.get('logic_hash')],
    ['created_at', fields.get('created_at')],
    ['status', 'MATHEMATICALLY_PROVED'],
  ]);
  if (!file.verified) row.set('status', 'CORRUPTED');
  return row;
}

/** The text that was written for `contents` before, or `write` now. */
function writtenOnce(texts: WeakMap<VaultContents, string>, contents: VaultContents, write: () => string): string {
  const text = texts.get(contents) ?? write();
  texts.set(contents, text);
  return text;
}

/**
 * What the original keeps beside the state, without its executions and attacks. Its vault is served read-only from its
 * files in the vault directory.
 */
export function persistenceRoutes({ lattice, config, clock, log, inTime }: RouteContext) {
  // The lists of thousands of files take long to write, so each look at the vault has them written once.
  const bundleLists = new WeakMap<VaultContents, string>();
  const functionLists = new WeakMap<VaultContents, string>();
  const checkIntegrity = createIntegrityCheck(lattice, clock);
  const vault = config.vaultDir === undefined ? async () => NO_VAULT : createOriginalVault(config.vaultDir, clock);

  return async (scope: FastifyInstance): Promise<void> => {
    scope.get('/api/persistence/merkle-root', async () => {
      const { root, live } = lattice.root();
      return { success: true, merkle_root: root, total_accounts: live, message: 'Current Merkle root of the state' };
    });

    scope.get('/api/persistence/integrity', async () => {
      try {
        const { valid, root, recomputed, fault } = await inTime(checkIntegrity());
        return {
          success: true,
          is_valid: valid,
          status: valid ? 'VALID' : 'CORRUPTED',
          merkle_root: root,
          message: valid
            ? 'The root recomputed from the store is the current root, and every value leads to it'
            : (fault ?? `The store gives another root: ${recomputed}`),
        };
      } catch (cause) {
        log.error({ err: cause }, 'integrity check failed');
        return {
          success: false,
          is_valid: false,
          status: 'ERROR',
          merkle_root: lattice.root().root,
          message: 'The store could not be checked; the log of the node says why',
        };
      }
    });

    scope.get('/api/persistence/stats', async (_request, reply) => {
      const [stats, { bundles }] = await inTime(Promise.all([lattice.audit.stats(), vault()]));
      const { root } = lattice.root();
      return sendJson(
        reply,
        `{"success":true,${auditStatsText(stats)},"merkle_root":"${root}","total_bundles":${bundles.size}}`,
      );
    });

    scope.get('/api/persistence/bundles', async (_request, reply) => {
      const contents = await inTime(vault());
      const text = writtenOnce(bundleLists, contents, () => {
        const rows = Array.from(contents.bundles.values(), (file) => compactJson(bundleRow(contents, file)));
        return `{"success":true,"bundles":[${rows.join(',')}],"count":${rows.length}}`;
      });
      return sendJson(reply, text);
    });

    scope.get<{ Params: { hash: string } }>('/api/persistence/bundle/:hash', async ({ params }, reply) => {
      const file = await find(params.hash, 'bundles');
      if (file === undefined) return reply.code(404).send({ detail: 'Bundle not found' });
      return sendJson(
        reply,
        `{"success":true,"bundle":${compactJson(file.fields)},"integrity_verified":${file.verified}}`,
      );
    });

    scope.get('/api/vault/list', async (_request, reply) => {
      const contents = await inTime(vault());
      const text = writtenOnce(functionLists, contents, () => {
        const rows = Array.from(
          contents.functions.values(),
          (file) => `"${file.hash}":${compactJson(functionRow(contents, file))}`,
        );
        return `{"success":true,"functions":{${rows.join(',')}},"count":${rows.length}}`;
      });
      return sendJson(reply, text);
    });

    scope.get<{ Params: { hash: string } }>('/api/vault/:hash', async ({ params }, reply) => {
      const file = await find(params.hash, 'functions');
      if (file === undefined) return reply.code(404).send({ detail: 'Function not found' });
      return sendJson(
        reply,
        `{"success":true,"function":${compactJson(file.fields)},"integrity_verified":${file.verified}}`,
      );
    });
  };

  /** The file with a hash. The hash is only looked up and never made part of a path. */
  async function find(hash: string, kind: 'bundles' | 'functions'): Promise<VaultFile | undefined> {
    return HASH.test(hash) ? (await inTime(vault()))[kind].get(hash) : undefined;
  }
}
