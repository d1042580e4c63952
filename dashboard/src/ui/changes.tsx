import { useState } from 'preact/hooks';
import { useAction } from '../lib/action.ts';
import { api } from '../lib/api.ts';
import { askToken } from '../lib/auth.ts';
import { plural, short } from '../lib/format.ts';
import { announcement, refresh } from '../lib/live.ts';
import type { Change } from '../lib/types.ts';
import { Empty, Problem } from './parts.tsx';

/** Kinds of change after which a key never counts again. */
const GRAVE: ReadonlySet<string> = new Set(['retire', 'rotate', 'remove', 'drop']);

const isOpen = ({ stage }: Change): boolean => stage === 'waiting' || stage === 'deciding';

/**
 * A change that waits: what it does, who has approved it and who has not, and this node's own word. An approval may be
 * the one that decides, and the list is read anew while somebody points at it: so it is asked for a second time, with
 * what it does.
 */
function OpenChange({
  change,
  self,
  done,
}: {
  readonly change: Change;
  readonly self: string;
  readonly done: () => void;
}) {
  const [asking, setAsking] = useState(false);
  const approved = change.approvals.some(({ author }) => author === self);
  const say = useAction(async () => {
    if ((await askToken('to approve a change')) === undefined) return undefined;
    const now = await (approved ? api.members.withdraw(change.id) : api.members.approve(change.id));
    announcement.value = approved ? 'The approval is taken back' : 'Approved';
    setAsking(false);
    refresh();
    done();
    return now;
  }, false);
  const named = (list: readonly { readonly author: string; readonly name: string }[]): string =>
    list.length === 0 ? 'nobody' : list.map(({ author, name }) => name || short(author)).join(', ');
  return (
    <li class="change">
      <p>
        <strong>{change.text}</strong> <code title={change.id}>{short(change.id)}</code>
      </p>
      <p class="aside">
        {change.approvals.length} of {change.needed} approvals: {named(change.approvals)}. Still missing:{' '}
        {named(change.missing)}. {change.stage === 'deciding' && change.why}
      </p>
      {approved && (
        <div class="buttons">
          <button type="button" disabled={say.busy} onClick={say.run}>
            {say.busy ? 'Signing…' : 'Take the approval back'}
          </button>
        </div>
      )}
      {!approved && !asking && (
        <div class="buttons">
          <button type="button" class="primary" onClick={() => setAsking(true)}>
            Approve
          </button>
        </div>
      )}
      {!approved && asking && (
        <form
          class="ask"
          aria-label="Approve"
          onSubmit={(event) => {
            event.preventDefault();
            say.run();
          }}
        >
          <p>This node then approves: {change.text}</p>
          <div class="buttons">
            <button type="submit" class={GRAVE.has(change.action.kind) ? 'danger' : 'primary'} disabled={say.busy}>
              {say.busy ? 'Signing…' : 'Yes: approve'}
            </button>
            <button type="button" onClick={() => setAsking(false)}>
              Cancel
            </button>
          </div>
        </form>
      )}
      {say.problem !== undefined && <Problem problem={say.problem} />}
    </li>
  );
}

/** The changes that wait, and those that came before. */
export function Changes({
  changes,
  self,
  done,
}: {
  readonly changes: readonly Change[];
  readonly self: string;
  readonly done: () => void;
}) {
  const open = changes.filter(isOpen);
  const over = changes.filter((change) => !isOpen(change)).toReversed();
  return (
    <>
      {open.length === 0 ? (
        <Empty>No change waits for an approval.</Empty>
      ) : (
        <ul class="rows stacked">
          {open.map((change) => (
            <OpenChange key={change.id} change={change} self={self} done={done} />
          ))}
        </ul>
      )}
      {over.length > 0 && (
        <details>
          <summary>{plural(over.length, 'change')} that came before</summary>
          <ul class="plain-list">
            {over.map(({ id, text, stage, why }) => (
              <li key={id}>
                {text} <span class="aside">{stage === 'decided' ? why : `${stage}: ${why}`}</span>
              </li>
            ))}
          </ul>
        </details>
      )}
    </>
  );
}
