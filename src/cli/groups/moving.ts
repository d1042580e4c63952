import { Option } from 'commander';
import { EXPORT_FORMATS, type ExportOptions } from '../commands/export-options.ts';
import type { ImportOptions } from '../commands/import.ts';
import { type Definition, numberIn, TRUST_HELP, writesFile } from '../define.ts';

/** Commands that move data between the original and a node: import, export. */
export function movingCommands({ context, program, define }: Definition): void {
  define(
    program,
    'import <path|url...>',
    "take over the original's files, or what a running node of it serves: verified first, and nothing there is changed",
    [
      'import .diotec360_state --dry-run',
      'import /srv/diotec360 --env-file fleet/node1-huggingface.env',
      'import http://old.example:8000 --watch',
    ],
    async (options: ImportOptions, from) =>
      (await import('../commands/import.ts')).importOriginal(context, from, options),
  )
    .option('--dry-run', 'write nothing, say what would be written')
    .option('--overwrite', 'replace keys that have another value, too (default: they are left alone)')
    .option('--unverified', 'also take what does not verify, or has no rule by which it could')
    .option('--expect-root <hex>', "import only a state that has this root by the original's rule")
    .option('--only <parts>', 'take state, vault or audit alone, or several of them: state,vault')
    .option('--base <file...>', 'further snapshots from which a wal.log may go on')
    .option(
      '--trust <keys>',
      `of a URL: who must have signed its state (${TRUST_HELP}). Default: the trust list of the settings, or nobody`,
    )
    .option('--remember <file>', 'keep what it wrote there, and let a later import change and delete that')
    .option('--watch', 'import again and again what has changed, until interrupted')
    .addOption(
      new Option('--interval <seconds>', 'pause between two rounds').default(10).argParser(numberIn(0.1, 3600)),
    )
    .addHelpText(
      'after',
      '\nA path is a directory of the original or one of its files; "-" reads a snapshot from stdin.\nExit codes: 0 everything was taken or is there already; 4 a part was, and what was refused is named; 1 nothing was; 2 wrong options.',
    );

  writesFile(
    define(
      program,
      'export',
      'all keys and values as of one moment: for the original, or as lines or a table',
      [
        'export --format snapshot --out snapshot.json --like old/snapshot.json',
        'export --out state.ndjson',
        'export --format csv --prefix account: --out accounts.csv',
      ],
      async (options: ExportOptions) => (await import('../commands/export.ts')).exportState(context, options),
    ),
  )
    .addOption(
      new Option('--format <form>', 'snapshot (that of the original), ndjson or csv')
        .choices(EXPORT_FORMATS)
        .default('ndjson'),
    )
    .option('--prefix <text>', 'only keys that begin with this')
    .option('--like <snapshot.json>', 'with snapshot: keep the order and the forms of the file that was imported');
}
