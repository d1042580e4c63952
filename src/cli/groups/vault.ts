import { Option } from 'commander';
import type { GcOptions, VaultListOptions } from '../commands/vault.ts';
import type { ExportOptions, VaultPutOptions } from '../commands/vault-content.ts';
import type { BundleOptions, CheckOptions } from '../commands/vault-original.ts';
import type { GlobalOptions } from '../context.ts';
import { type Definition, limited, TRUST_HELP } from '../define.ts';
import type { OutOptions } from '../write-file.ts';

const HASH = '5891b5b522d5';

/** Commands for content: vault. */
export function vaultCommands({ context, define, group }: Definition): void {
  const vault = group(
    'vault',
    'content by its SHA-256, on every node that keeps it',
    'vault put photo.jpg',
    `vault get ${HASH} --out photo.jpg`,
    'vault ls',
  );
  const commands = () => import('../commands/vault.ts');
  const content = () => import('../commands/vault-content.ts');
  const original = () => import('../commands/vault-original.ts');
  define(
    vault,
    'put <file>',
    'put a file into the vault ("-": from stdin; needs the token)',
    ['vault put photo.jpg --pin', 'vault put - --name orders.sql --type application/sql < orders.sql'],
    async (options: VaultPutOptions, [file = '']) => (await content()).vaultPut(context, file, options),
  )
    .option('--name <name>', 'the file name that is kept with it (default: that of the file)')
    .option('--type <type>', 'the media type (default: by the end of the name)')
    .option('--pin', 'nodes of the policy "pinned" keep it too')
    .option('--expect <hash>', 'the SHA-256 that the content must have');
  define(
    vault,
    'get <hash>',
    'get an object, verified before its file gets its name',
    [`vault get ${HASH} --out photo.jpg`, `vault get ${HASH} --out - | sha256sum`],
    async (options: OutOptions, [hash = '']) => (await content()).vaultGet(context, hash, options),
  )
    .option('--out <file>', 'write it to a file, or into a directory under its own name ("-": stdout, the default)')
    .option('--force', 'replace the file where there is one');
  limited(
    define(
      vault,
      'ls',
      'the objects of the vault, in the order of their hashes',
      ['vault ls', 'vault ls --limit 20 -o json'],
      async (options: VaultListOptions) => (await commands()).vaultList(context, options),
    ),
    'objects',
    1000,
    1_000_000,
  ).option('--cursor <cursor>', 'go on where an earlier list ended');
  define(
    vault,
    'stat [hash]',
    'what is known of an object and who has it, or of the whole vault',
    ['vault stat', `vault stat ${HASH}`],
    async (options: GlobalOptions, [hash]) => (await commands()).vaultStat(context, hash, options),
  );
  define(
    vault,
    'pin <hash>',
    'have nodes of the policy "pinned" keep it too (needs the token)',
    [`vault pin ${HASH}`],
    async (options: GlobalOptions, [hash = '']) => (await commands()).vaultPin(context, hash, true, options),
  );
  define(
    vault,
    'unpin <hash>',
    'take the pin away (needs the token)',
    [`vault unpin ${HASH}`],
    async (options: GlobalOptions, [hash = '']) => (await commands()).vaultPin(context, hash, false, options),
  );
  define(
    vault,
    'fetch <hash>',
    'have the node fetch an object from others, and wait (needs the token)',
    [`vault fetch ${HASH}`],
    async (options: GlobalOptions, [hash = '']) => (await commands()).vaultFetch(context, hash, options),
  );
  define(
    vault,
    'rm <hash>',
    'remove an object from the vault of all nodes (needs the token)',
    [`vault rm ${HASH}`],
    async (options: GlobalOptions, [hash = '']) => (await commands()).vaultRemove(context, hash, options),
  );
  define(
    vault,
    'verify [hash]',
    'have the node read and check its bytes; exit code 1 when one is wrong (needs the token)',
    ['vault verify', `vault verify ${HASH}`],
    async (options: GlobalOptions, [hash]) => (await commands()).vaultVerify(context, hash, options),
  );
  define(
    vault,
    'gc',
    'have the node remove the bytes that nothing names any more (needs the token)',
    ['vault gc --dry-run', 'vault gc'],
    async (options: GcOptions) => (await commands()).vaultGc(context, options),
  ).option('--dry-run', 'only say what it would remove');
  define(
    vault,
    'export <dir>',
    'write all objects into a directory, each verified',
    ['vault export backup', 'vault export files --by name', 'vault export old_vault --format original'],
    async (options: ExportOptions & { readonly format: 'files' | 'original' }, [dir = '']) =>
      options.format === 'original'
        ? (await original()).vaultExportOriginal(context, dir, options)
        : (await content()).vaultExport(context, dir, options),
  )
    .addOption(
      new Option('--format <format>', 'all objects, or those of the original node in its layout, into a new directory')
        .choices(['files', 'original'])
        .default('files'),
    )
    .addOption(new Option('--by <what>', 'what the files are called').choices(['hash', 'name']).default('hash'))
    .option('--force', 'replace files that are there');
  define(
    vault,
    'original',
    "root and counts of the original node's files in the vault",
    ['vault original'],
    async (options: GlobalOptions) => (await original()).vaultOriginal(context, options),
  );
  define(
    vault,
    'bundle [file]',
    'have the node make and sign a bundle in the form of the original (needs the token)',
    ['vault bundle transfer.ae --intent transfer', `vault bundle --function ${'ab'.repeat(32)}`],
    async (options: BundleOptions, [file]) => (await original()).vaultBundle(context, file, options),
  )
    .option('--intent <name>', 'the name of the intent (default: that of the file)')
    .option('--function <hash>', 'bundle this function, whose entry is in the vault');
  define(
    vault,
    'check <file>',
    'check a function, certificate or bundle of the original offline',
    ['vault check transfer.ae_bundle --trust fleet.json'],
    async (options: CheckOptions, [file = '']) => (await original()).vaultCheck(context, file, options),
  ).option('--trust <list>', TRUST_HELP);
}
