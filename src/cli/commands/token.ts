import type { TokenWish } from '../../runtime/facade/index.ts';
import { connect } from '../connect.ts';
import { type CliContext, type GlobalOptions, usageError } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { alignColumns, printable } from '../output.ts';

export interface TokenNewOptions extends GlobalOptions {
  readonly read?: boolean;
  /** The prefix, or true for all keys. */
  readonly write?: string | true;
  readonly operate?: boolean;
  /** In ms. */
  readonly ttl?: number;
}

/** Makes a token and prints it, which happens this once. Only the token goes to stdout, so that a script can take it. */
export async function tokenNew(context: CliContext, name: string, options: TokenNewOptions): Promise<number> {
  const chosen = [options.read === true, options.write !== undefined, options.operate === true].filter(Boolean);
  if (chosen.length !== 1)
    throw usageError('a token is for one of --read, --write [PREFIX] and --operate', 'Choose one of them.');
  // A script whose variable is empty does not mean all keys.
  if (options.write === '')
    throw usageError('--write has an empty prefix', 'Give a prefix, or --write alone for all keys.');
  const wish: TokenWish = {
    name,
    right: options.read ? 'read' : options.operate ? 'operate' : 'write',
    ...(typeof options.write === 'string' ? { prefix: options.write } : {}),
    ...(options.ttl === undefined ? {} : { ttlMs: options.ttl }),
  };
  const client = await connect(context, options);
  const made = await client.createToken(wish);
  const { output } = context;
  if (options.json) {
    output.data(made);
    return EXIT.ok;
  }
  output.line(made.token);
  output.remark(
    `It may ${mayOf(made)}${made.expires === undefined ? '' : ` until ${timeOf(made.expires)}`}, on this node alone. ` +
      `Keep it now: it is not shown again. lattice token rm ${made.id} withdraws it.`,
  );
  return EXIT.ok;
}

const timeOf = (ms: number): string => new Date(ms).toISOString();

function mayOf({ right, prefix = '' }: Pick<TokenWish, 'right' | 'prefix'>): string {
  if (right === 'read') return 'read';
  if (right === 'operate') return 'do everything that the API token may';
  return prefix === '' ? 'write all keys, and read' : `write keys under ${printable(prefix)}, and read`;
}

/** Lists the valid tokens of the node, without their secrets. */
export async function tokenList(context: CliContext, options: GlobalOptions): Promise<number> {
  const items = await (await connect(context, options)).listTokens();
  const { output } = context;
  if (options.json) {
    output.data({ items });
    return EXIT.ok;
  }
  if (items.length === 0) {
    output.remark('This node has made no tokens. lattice token new NAME --read makes one.');
    return EXIT.ok;
  }
  const rows = items.map(({ id, name, right, prefix, created, expires, lastUsed }) => [
    id,
    printable(name),
    right,
    right === 'write' ? ((prefix ?? '') === '' ? 'all keys' : printable(prefix ?? '')) : '-',
    timeOf(created),
    expires === undefined ? 'never' : timeOf(expires),
    lastUsed === undefined ? '-' : timeOf(lastUsed),
  ]);
  for (const line of alignColumns([['ID', 'NAME', 'RIGHT', 'KEYS UNDER', 'MADE', 'ENDS', 'LAST USED'], ...rows]))
    output.line(line);
  return EXIT.ok;
}

/** Withdraws a token, which then counts no more. */
export async function tokenRemove(context: CliContext, id: string, options: GlobalOptions): Promise<number> {
  if (!/^[0-9a-f]{16}$/.test(id))
    throw usageError(`${JSON.stringify(id)} is not the id of a token`, 'An id has 16 hex digits: lattice token ls.');
  await (await connect(context, options)).removeToken(id);
  if (options.json) context.output.data({ id, removed: true });
  else context.output.line(`withdrawn: ${id}`);
  return EXIT.ok;
}
