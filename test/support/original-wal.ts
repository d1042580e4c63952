import { nodeHasher } from '../../src/adapters/system/hasher.ts';
import { type OriginalValue, originalJsonText, parseOriginalJson } from '../../src/core/original/json.ts';
import { originalRoot } from '../../src/core/original/root.ts';

const hasher = nodeHasher();

export type WalOperation = readonly ['PUT', key: string, value: unknown] | readonly ['DELETE', key: string];

/** The lines of a wal.log for operations on a state, two each, as the original writes them. */
export function walText(state: object, operations: readonly WalOperation[], firstSequence = 1): string {
  const current = new Map(parseOriginalJson(JSON.stringify(state)) as ReadonlyMap<string, OriginalValue>);
  let sequence = firstSequence;
  let text = '';
  for (const [operation, key, value] of operations) {
    const before = originalRoot(current, hasher);
    const parsed = parseOriginalJson(JSON.stringify(value ?? null));
    if (operation === 'PUT') current.set(key, parsed);
    else current.delete(key);
    for (const after of ['pending', originalRoot(current, hasher)]) {
      const entry = new Map<string, OriginalValue>([
        ['sequence_number', { text: String(sequence), integer: true }],
        ['operation', operation],
        ['key', key],
        ['value', parsed],
        ['timestamp', { text: `${1_767_225_600 + sequence++}.5`, integer: false }],
        ['merkle_root_before', before],
        ['merkle_root_after', after],
      ]);
      text += `${originalJsonText(entry)}\n`;
    }
  }
  return text;
}
