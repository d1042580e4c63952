import { LatticeError } from '../../core/types/index.ts';
import { TOKEN_HINT } from '../client.ts';
import { type CliContext, connect, type GlobalOptions, usageError } from '../context.ts';
import { EXIT } from '../errors.ts';

interface SwitchAnswer {
  readonly success: boolean;
  readonly mode?: string;
  readonly message: string;
}

const MODES = ['p2p', 'http', 'auto'];

export async function syncMode(context: CliContext, mode: string, options: GlobalOptions): Promise<number> {
  if (!MODES.includes(mode)) throw usageError(`${JSON.stringify(mode)} is no mode`, 'The modes are p2p, http and auto.');
  const client = await connect(context, options);
  // The original's endpoint answers 200 also when it changed nothing.
  const answer = await client.json<SwitchAnswer>('POST', '/api/lattice/sync/switch', { query: { mode } });
  if (!answer.success) {
    throw new LatticeError('mode-not-changed', answer.message, { next: TOKEN_HINT });
  }
  if (options.json) context.output.json(answer);
  else context.output.line(answer.message);
  return EXIT.ok;
}

export async function syncNow(context: CliContext, options: GlobalOptions): Promise<number> {
  const client = await connect(context, options);
  const answer = await client.json<unknown>('POST', '/api/v1/sync/now');
  if (options.json) context.output.json(answer ?? { success: true });
  else context.output.line('compared with every reachable peer');
  return EXIT.ok;
}
