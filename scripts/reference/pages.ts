import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { OpenApiDocument } from '../../src/api/routes/pages/docs.ts';
import { startNode } from '../../src/app/index.ts';
import { loadConfig } from '../../src/config/index.ts';
import { cliPage } from './cli.ts';
import { configurationPage } from './configuration.ts';
import { httpPage } from './http.ts';

/**
 * Makes the pages of docs/reference that follow from the code, by file name. A node runs for a moment, to serve the
 * document of its routes.
 */
export async function referencePages(): Promise<Readonly<Record<string, string>>> {
  const document = await servedDocument();
  return {
    'configuration.md': configurationPage(),
    'cli.md': cliPage(document.info.version),
    'http.md': httpPage(document),
  };
}

/** Resolves with the OpenAPI document of a node with everything switched on. */
async function servedDocument(): Promise<OpenApiDocument> {
  const directory = mkdtempSync(join(tmpdir(), 'lattice-reference-'));
  try {
    const env = {
      DIOTEC360_API_HOST: '127.0.0.1',
      DIOTEC360_API_PORT: '0',
      DIOTEC360_PUBLIC_SYNC: 'true',
      DIOTEC360_P2P_ENABLED: 'false',
      DIOTEC360_LOG_LEVEL: 'error',
    };
    const node = await startNode({ config: loadConfig({ env, cwd: directory }) });
    try {
      const answer = await fetch(new URL('/openapi.json', node.url), { signal: AbortSignal.timeout(10_000) });
      return (await answer.json()) as OpenApiDocument;
    } finally {
      await node.stop();
    }
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
