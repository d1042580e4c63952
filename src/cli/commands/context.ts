import { existsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { LatticeError } from '../../core/types/index.ts';
import { createApiClient } from '../client.ts';
import { type CliContext, type GlobalOptions, usageError } from '../context.ts';
import { type FleetContext, isContextName, MAX_CONTEXTS, readContexts, readToken, writeContexts } from '../contexts.ts';
import { EXIT } from '../exit-codes.ts';
import { readFleetFile } from '../fleet-file.ts';
import { alignColumns, printable } from '../output.ts';

export interface ContextAddOptions extends GlobalOptions {
  readonly tokenFile?: string;
  readonly fleet?: string;
  readonly node?: string;
}

export async function contextAdd(context: CliContext, name: string, options: ContextAddOptions): Promise<number> {
  if (!isContextName(name))
    throw usageError(
      `${JSON.stringify(name)} cannot be the name of a context`,
      'Use letters, digits, dots, dashes and underscores.',
    );
  if (options.token !== undefined)
    throw usageError('tokens are not kept in contexts', 'Name the file that holds it: --token-file FILE.');
  const fleet = options.fleet === undefined ? undefined : resolve(context.cwd, options.fleet);
  const node = fleet === undefined ? undefined : await nodeOf(context, fleet, options.node);
  const url = options.url ?? node?.url;
  if (url === undefined) throw usageError('which node? give --url or --fleet');
  const tokenFile = options.tokenFile === undefined ? node?.tokenFile : resolve(context.cwd, options.tokenFile);
  // Making a client finds a wrong URL or token file before the context is stored.
  createApiClient({
    url,
    token: tokenFile === undefined ? undefined : await readToken(context, tokenFile),
    timeoutMs: 1000,
  });

  const known = await readContexts(context.env);
  const contexts = new Map(known.contexts);
  contexts.set(name, {
    url,
    ...(tokenFile === undefined ? {} : { tokenFile }),
    ...(fleet === undefined ? {} : { fleet }),
  });
  if (contexts.size > MAX_CONTEXTS)
    throw usageError(`there are ${MAX_CONTEXTS} contexts already`, 'Remove one: lattice context rm NAME.');
  const current = known.current ?? name;
  const path = await writeContexts(context.env, { current, contexts });
  if (options.json) context.output.data({ name, ...contexts.get(name), current: current === name, path });
  else {
    context.output.line(`The context ${name} is ${printable(url)}${current === name ? ', and commands go there' : ''}`);
    if (current !== name) context.output.remark(`Send commands there: lattice context use ${name}`);
  }
  return EXIT.ok;
}

async function nodeOf(
  context: CliContext,
  file: string,
  name: string | undefined,
): Promise<{ url: string; tokenFile?: string }> {
  const { nodes } = await readFleetFile(context, file);
  const node = name === undefined ? nodes[0] : nodes.find((n) => n.name === name);
  if (node === undefined)
    throw usageError(
      `${file} has no node ${JSON.stringify(name)}`,
      `Its nodes: ${nodes.map((n) => n.name).join(', ')}.`,
    );
  const tokenFile = resolve(dirname(file), node.envFile);
  return { url: node.api, ...(existsSync(tokenFile) ? { tokenFile } : {}) };
}

export async function contextUse(context: CliContext, name: string, options: GlobalOptions): Promise<number> {
  const { contexts } = await readContexts(context.env);
  const { url } = existing(contexts, name);
  await writeContexts(context.env, { current: name, contexts });
  if (options.json) context.output.data({ current: name, url });
  else context.output.line(`Commands go to ${printable(url)}`);
  return EXIT.ok;
}

export async function contextList(context: CliContext, options: GlobalOptions): Promise<number> {
  const { current, contexts } = await readContexts(context.env);
  if (options.json) {
    context.output.data({ ...(current === undefined ? {} : { current }), contexts: Object.fromEntries(contexts) });
    return EXIT.ok;
  }
  if (contexts.size === 0) context.output.say('There are no contexts: lattice context add NAME --url URL makes one.');
  const rows = [...contexts].map(([name, { url, tokenFile, fleet }]) => [
    name === current ? '*' : '',
    name,
    url,
    tokenFile ?? '-',
    fleet ?? '-',
  ]);
  if (rows.length > 0) {
    for (const line of alignColumns([['', 'NAME', 'URL', 'TOKEN FILE', 'FLEET'], ...rows]))
      context.output.line(printable(line.trimEnd()));
  }
  return EXIT.ok;
}

export async function contextRemove(context: CliContext, name: string, options: GlobalOptions): Promise<number> {
  const { current, contexts } = await readContexts(context.env);
  existing(contexts, name);
  const rest = new Map(contexts);
  rest.delete(name);
  await writeContexts(context.env, {
    ...(current === undefined || current === name ? {} : { current }),
    contexts: rest,
  });
  if (options.json) context.output.data({ removed: name });
  else context.output.line(`Removed the context ${name}`);
  return EXIT.ok;
}

function existing(contexts: ReadonlyMap<string, FleetContext>, name: string): FleetContext {
  const found = contexts.get(name);
  if (found !== undefined) return found;
  throw new LatticeError('no-context', `there is no context ${JSON.stringify(name)}`, {
    next: 'See lattice context ls.',
  });
}
