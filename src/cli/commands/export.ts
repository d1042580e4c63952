import { tmpdir } from 'node:os';
import { dirname, resolve } from 'node:path';
import { nodeHasher } from '../../adapters/system/hasher.ts';
import { type OriginalValue, parseOriginalJson } from '../../core/original/json.ts';
import type { OriginalState } from '../../core/original/root.ts';
import { counted, LatticeError } from '../../core/types/index.ts';
import { type WrittenState, writeState } from '../../moving/export/write-state.ts';
import { readWholeText } from '../../moving/read-file.ts';
import { connect } from '../connect.ts';
import { type CliContext, usageError } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { openOutFile } from '../out-file.ts';
import { printable, shellWord } from '../output.ts';
import type { ExportOptions } from './export-options.ts';

/** Between two reports of progress. */
const REPORT_MS = 5000;
/** Keys in conflict that are shown. With --json all of them are. */
const SHOWN = 10;

export async function exportState(context: CliContext, options: ExportOptions): Promise<number> {
  const { format, prefix } = options;
  const { output } = context;
  if (options.like !== undefined && format !== 'snapshot')
    throw usageError('--like is for --format snapshot', 'The other forms have none that could be kept.');
  if (options.output === 'yaml' && options.out === undefined)
    throw usageError(
      'no export is written as yaml',
      'Choose its form with --format ndjson, csv or snapshot. With --out FILE, --output yaml is the form of what is said of it.',
    );
  const client = await connect(context, options);
  const like = options.like === undefined ? undefined : await readLike(resolve(context.cwd, options.like));
  const file = options.out === undefined ? undefined : openOutFile(context, options.out, options.force === true);
  const ending = new AbortController();
  const release = context.onStop(() => ending.abort(new LatticeError('aborted', 'the export was interrupted')));
  try {
    const moment = await client.exportState({ prefix, signal: ending.signal });
    let reported = performance.now();
    const written = await writeState(moment, {
      format,
      like,
      at: moment.at,
      hasher: nodeHasher(),
      spillDirectory: file === undefined ? tmpdir() : dirname(file.path),
      signal: ending.signal,
      write:
        file === undefined ? (bytes) => output.write(new TextDecoder().decode(bytes)) : (bytes) => file.write(bytes),
      progress(done) {
        if (performance.now() - reported < REPORT_MS) return;
        reported = performance.now();
        output.remark(`${done} of ${moment.live} keys read`);
      },
    });
    file?.finish();
    tell(context, options, written, { root: moment.root, at: moment.at, file: file?.path });
    return EXIT.ok;
  } finally {
    release();
    file?.abandon();
  }
}

/** The state of a snapshot.json. Whether it has its root does not matter: only what it has in common is kept. */
async function readLike(path: string): Promise<OriginalState> {
  const document = parseOriginalJson(await readWholeText(path));
  const state = document instanceof Map ? (document as ReadonlyMap<string, OriginalValue>).get('state') : undefined;
  if (state instanceof Map) return state as OriginalState;
  throw new LatticeError('snapshot-malformed', `${path} is no snapshot.json: it has no "state"`, {
    next: 'Name the snapshot.json that was imported with --like, or leave --like out.',
  });
}

interface Exported {
  /** The node's root at the moment of the export. */
  readonly root: string;
  readonly at: number;
  readonly file: string | undefined;
}

/** Says what was written and what was not, on stderr where the export itself went to stdout. */
function tell(context: CliContext, options: ExportOptions, written: WrittenState, { root, at, file }: Exported): void {
  const { output } = context;
  const { format, prefix } = options;
  if (options.json) {
    const summary = { format, ...(prefix === undefined ? {} : { prefix }), root, at, ...written };
    if (file === undefined) output.remarkData(summary);
    else output.data({ file, ...summary });
    return;
  }
  const line = file === undefined ? output.remark : output.line;
  const time = new Date(at).toISOString();
  const { entries, originalRoot, conflicts, vault, formsLost, endsLost } = written;
  line(`${file === undefined ? '' : `${file}: `}${counted(entries, 'key')} as of ${time}, root ${root}`);
  if (originalRoot !== undefined) line(`Root of the original: ${originalRoot}`);
  if (vault > 0) output.remark(`${counted(vault, 'object')} of the vault left out: they are content and no keys.`);
  if (conflicts.length > 0) {
    output.remark(`${counted(conflicts.length, 'key')} in conflict, of which the winner alone is written:`);
    for (const key of conflicts.slice(0, SHOWN)) output.remark(`  ${printable(key)}`);
    if (conflicts.length > SHOWN) output.remark(`  … and ${conflicts.length - SHOWN} more (all of them: --json)`);
  }
  if (endsLost > 0)
    output.remark(
      `${counted(endsLost, 'value')} ${endsLost === 1 ? 'has an end, which' : 'have ends, which'} this form cannot say: ` +
        'imported from it, they would stay. The form ndjson keeps ends.',
    );
  if (format !== 'snapshot') return;
  if (formsLost > 0) {
    output.remark(
      `${counted(formsLost, 'value')} may have had another form at the original (1 or 1.0, the order of an object's ` +
        "keys), which a node does not keep and the original's root covers.",
    );
    if (options.like === undefined) output.remark('Name the snapshot.json that was imported with --like to keep them.');
  }
  if (file !== undefined)
    output.remark(`Put it in place of the snapshot.json of an original node that is stopped: cp ${shellWord(file)} …`);
}
