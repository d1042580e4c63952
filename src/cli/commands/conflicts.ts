import type { ConflictView } from '../../runtime/facade.ts';
import { type CliContext, connect, type GlobalOptions } from '../context.ts';
import { EXIT } from '../errors.ts';
import { printable } from '../output.ts';

export interface ConflictsOptions extends GlobalOptions {
  readonly limit: number;
}

interface ConflictPage {
  readonly conflicts: readonly ConflictView[];
  readonly cursor?: string;
}

/** Keys asked for at once: each may carry many siblings. */
const PAGE = 100;

export async function conflicts(context: CliContext, options: ConflictsOptions): Promise<number> {
  const client = await connect(context, options);
  const found: ConflictView[] = [];
  let cursor: string | undefined;
  // Ends: every round finds at least one conflict or is the last.
  do {
    const page = await client.json<ConflictPage>('GET', '/api/v1/conflicts', {
      query: { limit: Math.min(PAGE, options.limit - found.length), cursor },
    });
    found.push(...page.conflicts);
    cursor = page.conflicts.length === 0 ? undefined : page.cursor;
  } while (cursor !== undefined && found.length < options.limit);

  if (options.json) {
    context.output.json({ conflicts: found, ...(cursor === undefined ? {} : { cursor }) });
    return EXIT.ok;
  }
  if (found.length === 0) context.output.line('no conflicts');
  for (const conflict of found) {
    context.output.line(context.output.paint('bold', printable(conflict.key)));
    conflict.siblings.forEach((sibling, i) => {
      const value = sibling.deleted ? '(deleted)' : printable(JSON.stringify(sibling.value));
      context.output.line(`  ${i === 0 ? 'shown' : 'other'}  ${value}  by ${sibling.author} at ${sibling.hlc}`);
    });
  }
  if (found.length > 0) context.output.remark('A write to such a key replaces every value that is listed here.');
  if (cursor !== undefined) context.output.remark('There are more: raise --limit.');
  return EXIT.ok;
}
