import { useId, useState } from 'preact/hooks';
import type { Entry, Receipt } from '../../../src/client/index.ts';
import { useAction } from '../lib/action.ts';
import { api } from '../lib/api.ts';
import { askToken } from '../lib/auth.ts';
import { announcement, refresh } from '../lib/live.ts';
import { linkTo } from '../lib/router.ts';
import { Card, Note, Problem } from '../ui/parts.tsx';
import { lastReceipt, type Wait, WaitField, waitingFor } from '../ui/receipt.tsx';
import { jsonFlaw, ValueField } from '../ui/value-editor.tsx';

/** Said when a condition of a write did not hold, so that nothing was written. */
function Meanwhile({ children }: { readonly children: string }) {
  return (
    <div role="alert">
      <Note tone="warn" title="Somebody wrote in the meantime.">
        <p>{children}</p>
      </Note>
    </div>
  );
}

const isMeanwhile = (problem: { readonly code: string } | undefined): boolean =>
  problem?.code === 'precondition-failed' || problem?.code === 'not-found';

/** Has the receipt stand beside the key; without one, that of an earlier write goes. */
function showReceipt(key: string, receipt: Receipt | undefined): void {
  lastReceipt.value = receipt === undefined ? undefined : { key, receipt };
}

interface WrittenProps {
  readonly entry: Entry;
  /** Reads the entry again, after it was written or somebody else wrote it. */
  readonly reload: () => void;
}

/**
 * Changes or deletes an entry, only while the version that is shown is current (If-Match): what the user has not seen is
 * not replaced.
 */
export function EditEntry({ entry, reload }: WrittenProps) {
  const [mode, setMode] = useState<'shown' | 'edit' | 'delete'>('shown');
  const [text, setText] = useState('');
  const [wait, setWait] = useState<Wait>('here');
  // The version that the user saw when he began. A reload in between does not change what the write depends on.
  const [version, setVersion] = useState(entry.version);
  const begin = (next: 'edit' | 'delete'): void => {
    setMode(next);
    setVersion(entry.version);
    setText(JSON.stringify(entry.value, null, 2));
  };
  const done = (what: string): true => {
    announcement.value = `${entry.key} is ${what}`;
    setMode('shown');
    refresh();
    reload();
    return true;
  };
  const save = useAction(async () => {
    if (jsonFlaw(text) !== undefined || (await askToken('to write a value')) === undefined) return undefined;
    // An edited value keeps the end that it had.
    const { receipt } = await api.putEntryJson(entry.key, text, {
      ifMatch: version,
      expires: entry.expires,
      ...waitingFor(wait),
    });
    showReceipt(entry.key, receipt);
    return done('written');
  }, false);
  const remove = useAction(async () => {
    if ((await askToken('to delete a key')) === undefined) return undefined;
    showReceipt(entry.key, await api.deleteEntry(entry.key, { ifMatch: version, ...waitingFor(wait) }));
    return done('deleted');
  }, false);
  const problem = mode === 'edit' ? save.problem : remove.problem;

  if (mode === 'shown') {
    return (
      <div class="buttons">
        <button type="button" onClick={() => begin('edit')}>
          Edit
        </button>
        <button type="button" onClick={() => begin('delete')}>
          Delete
        </button>
      </div>
    );
  }
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        (mode === 'edit' ? save : remove).run();
      }}
    >
      {mode === 'edit' ? (
        <ValueField label="New value, as JSON" text={text} onText={setText} />
      ) : (
        <p>
          <strong>Delete this key on every node?</strong> Its history and its proof stay.
        </p>
      )}
      <WaitField wait={wait} choose={setWait} />
      {entry.conflicts !== undefined && (
        <p class="aside">This key has {entry.conflicts + 1} values in conflict. This replaces all of them.</p>
      )}
      <div class="buttons">
        {mode === 'edit' ? (
          <button type="submit" class="primary" disabled={save.busy || jsonFlaw(text) !== undefined}>
            {save.busy ? 'Writing…' : 'Save'}
          </button>
        ) : (
          <button type="submit" class="danger" disabled={remove.busy}>
            {remove.busy ? 'Deleting…' : 'Delete the key'}
          </button>
        )}
        <button type="button" onClick={() => setMode('shown')}>
          Cancel
        </button>
      </div>
      {isMeanwhile(problem) ? (
        <>
          <Meanwhile>Nothing was changed. Refresh to see the present value, then decide again.</Meanwhile>
          <p>
            <button
              type="button"
              class="small"
              onClick={() => {
                setMode('shown');
                reload();
              }}
            >
              Refresh
            </button>
          </p>
        </>
      ) : (
        problem !== undefined && <Problem problem={problem} />
      )}
    </form>
  );
}

/** Writes a key that has no value yet (If-None-Match: *). */
export function NewEntry({ suggested, written }: { readonly suggested: string; readonly written: () => void }) {
  const id = useId();
  const [key, setKey] = useState(suggested);
  const [text, setText] = useState('');
  const [wait, setWait] = useState<Wait>('here');
  const save = useAction(async () => {
    if (jsonFlaw(text) !== undefined || (await askToken('to write a value')) === undefined) return undefined;
    const { receipt } = await api.putEntryJson(key, text, { ifNoneMatch: '*', ...waitingFor(wait) });
    showReceipt(key, receipt);
    announcement.value = `${key} is written`;
    refresh();
    written();
    location.hash = linkTo('state', { prefix: suggested, key });
    return true;
  }, false);
  return (
    <Card title="New key" actions={<a href={linkTo('state', { prefix: suggested })}>Close</a>}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          save.run();
        }}
      >
        <label for={id}>Key</label>
        <input
          id={id}
          type="text"
          value={key}
          required
          spellcheck={false}
          autocomplete="off"
          onInput={(event) => setKey(event.currentTarget.value)}
        />
        <ValueField label="Value, as JSON" text={text} onText={setText} />
        <WaitField wait={wait} choose={setWait} />
        <div class="buttons">
          <button type="submit" class="primary" disabled={save.busy || key === '' || jsonFlaw(text) !== undefined}>
            {save.busy ? 'Writing…' : 'Save'}
          </button>
        </div>
        {save.problem?.code === 'precondition-failed' ? (
          <div role="alert">
            <Note tone="warn" title="This key has a value already.">
              <p>
                Nothing was changed. <a href={linkTo('state', { prefix: suggested, key })}>Open the key</a>
              </p>
            </Note>
          </div>
        ) : (
          save.problem !== undefined && <Problem problem={save.problem} />
        )}
      </form>
    </Card>
  );
}
