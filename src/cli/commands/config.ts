import type { ExamineStartOptions } from '../../app/examine-start.ts';
import { flawedBy, inspectConfig, type Problem } from '../../config/index.ts';
import { usable, wasRead } from '../../config/load.ts';
import { counted, LatticeError } from '../../core/types/index.ts';
import { createApiClient } from '../client.ts';
import { connect } from '../connect.ts';
import type { CliContext, GlobalOptions } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { alignColumns, printable } from '../output.ts';
import { whoAnswers } from '../who-answers.ts';

export interface ConfigShowOptions extends GlobalOptions {
  /** Shows also the settings that are at their defaults. */
  readonly all?: boolean;
}

/** Shows a node's configuration and where each value comes from. Secrets are shown only as set or not set. */
export async function configShow(context: CliContext, options: ConfigShowOptions): Promise<number> {
  const client = await connect(context, options);
  const items = await client.getConfig();
  if (options.json) {
    context.output.data({ items });
    return EXIT.ok;
  }
  const shown = options.all ? items : items.filter(({ source }) => source !== 'default');
  for (const line of alignColumns(shown.map(({ name, value, source }) => [name, source, printable(textOf(value))])))
    context.output.line(line);
  if (shown.length < items.length)
    context.output.remark(`${items.length - shown.length} more have their defaults: --all`);
  return EXIT.ok;
}

const textOf = (value: unknown): string =>
  typeof value === 'string' ? value : Array.isArray(value) ? value.join(',') : JSON.stringify(value);

/**
 * Checks the configuration that `start` would take, and what a start would meet on this machine, without starting
 * anything. All that is wrong is told in one round. The exit code is 1 when a start would fail or the node would refuse
 * writes, and 2 when the configuration cannot be used.
 */
export async function configCheck(context: CliContext, options: GlobalOptions): Promise<number> {
  const inspection = inspectConfig({ env: context.env, envFile: options.envFile, cwd: context.cwd });
  const { config, problems, p2pProblems } = inspection;
  // Of a file that could not be read nothing else is known.
  if (problems.length > 0 && (options.json || !wasRead(problems))) usable(inspection);
  const { warnings, violations } = config;
  const { examineStart } = await import('../../app/examine-start.ts');
  const findings = await examineStart({ config, flawed: flawedBy([...problems, ...p2pProblems]), askNode });
  const ok = findings.every(({ effect }) => effect === 'note');
  const p2p = config.p2p.flaws;
  if (options.json) {
    context.output.data({ ok, warnings, violations, p2p, findings });
    return ok ? EXIT.ok : EXIT.failed;
  }
  const { line, say, paint } = context.output;
  const [bad, note] = [paint('red', '✗'), paint('yellow', '!')];
  const print = (sign: string, text: string, next: string | undefined): void => {
    say(`${sign} ${printable(text)}`);
    if (next !== undefined) say(`    → ${printable(next)}`);
  };
  const printProblem = (sign: string, { variable, value, rule, fix }: Problem): void =>
    print(sign, `${variable}${value === '' ? '' : `=${value}`}: ${rule}`, fix);
  for (const problem of problems) printProblem(bad, problem);
  if (p2p.length > 0) for (const problem of p2pProblems) printProblem(note, problem);
  for (const warning of warnings) say(`${note} ${printable(warning)}`);
  for (const { effect, text, next } of findings) print(effect === 'note' ? note : bad, text, next);
  const lungs = p2p.length > 0 ? ' P2P does not run with it; HTTP carries the node.' : '';
  if (problems.length > 0) {
    throw new LatticeError('invalid-config', `${counted(problems.length, 'value')} cannot be used`, {
      next: 'Correct what is listed, then run lattice config check again.',
    });
  }
  const fails = findings.some(({ effect }) => effect === 'fails');
  if (ok) line(`${paint('green', '✓')} A node can start with this.${lungs}`);
  else line(`${fails ? 'A start with this fails.' : 'A node starts with this and refuses writes.'}${lungs}`);
  return ok ? EXIT.ok : EXIT.failed;
}

/** How long the check waits for a node that may run already. It answers at once where it works. */
const ASK_MS = 1500;

/** The node whose API answers at this base URL; undefined where none does. Where reads need a token it has no name. */
async function askNode(url: string): ReturnType<ExamineStartOptions['askNode']> {
  const peerId = await whoAnswers(url, ASK_MS);
  if (peerId === undefined) return undefined;
  try {
    const { name } = await createApiClient({ url, token: undefined, timeoutMs: ASK_MS }).getStatus();
    return { peerId, ...(name === undefined || name === '' ? {} : { name }) };
  } catch (error) {
    if (error instanceof LatticeError) return { peerId };
    throw error;
  }
}

/** Has the running node read its env file again. The exit code is 0 also where something needs a restart. */
export async function configReload(context: CliContext, options: GlobalOptions): Promise<number> {
  const client = await connect(context, options);
  const report = await client.reloadConfig();
  const { data, line, say, paint } = context.output;
  if (options.json) {
    data(report);
    return EXIT.ok;
  }
  const { changed, needsRestart, warnings } = report;
  for (const name of changed) line(`${paint('green', '✓')} the node acts by the new ${name}`);
  for (const name of needsRestart) line(`${paint('yellow', '!')} ${name} has changed too: that needs a restart`);
  if (changed.length + needsRestart.length === 0) line('nothing has changed');
  for (const warning of warnings) say(`${paint('yellow', '!')} ${printable(warning)}`);
  return EXIT.ok;
}
