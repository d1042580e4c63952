import type { ChangeAction } from '../../core/roster/index.ts';
import { type Author, inHours } from '../../core/types/index.ts';

/** What a change does, for people. */
export function textOf(action: ChangeAction, label: (author: Author) => string): string {
  switch (action.kind) {
    case 'add':
      return `${action.name || label(action.author)} joins as a ${action.role}.`;
    case 'promote':
      return `${label(action.author)} becomes a writer.`;
    case 'retire':
      return `${label(action.author)} retires: what it writes until a minute after the decision counts.`;
    case 'rotate':
      return `${label(action.author)} goes on under the new key ${action.to}; the old one retires.`;
    case 'remove':
      return `${label(action.author)} is removed: nothing that it writes after the newest cut counts.`;
    case 'drop':
      return `${label(action.author)}, which is retired, leaves the roster. What it wrote stays.`;
    case 'name':
      return action.name === ''
        ? `The fleet has no name for the key ${action.author.slice(0, 8)}… any more.`
        : `The fleet calls the key ${action.author.slice(0, 8)}… ${action.name}.`;
    case 'settings':
      return `Cuts are certified by ${action.certify === 'majority' ? 'a majority' : 'two thirds'} of the writers, and tombstones stay for ${inHours(action.retentionMs)}.`;
  }
}
