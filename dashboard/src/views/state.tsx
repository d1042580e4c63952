import { useEffect, useState } from 'preact/hooks';
import { api } from '../lib/api.ts';
import { count, hlcMs, plural, short } from '../lib/format.ts';
import { status, stirs } from '../lib/live.ts';
import { useResource } from '../lib/resource.ts';
import { linkTo, parameters } from '../lib/router.ts';
import type { EntryPage } from '../lib/types.ts';
import { Ago, Badge, Card, Empty, Show } from '../ui/parts.tsx';
import { EntryPanel } from './entry.tsx';

const PAGE = 50;
const MAX_PREVIEW = 90;

function preview(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length <= MAX_PREVIEW ? text : `${text.slice(0, MAX_PREVIEW)}…`;
}

function Rows({
  page,
  prefix,
  chosen,
}: {
  readonly page: EntryPage;
  readonly prefix: string;
  readonly chosen: string | undefined;
}) {
  return (
    <table class="stack">
      <caption class="unseen">Keys {prefix === '' ? '' : `that begin with ${prefix}`}</caption>
      <thead>
        <tr>
          <th scope="col">Key</th>
          <th scope="col">Value</th>
          <th scope="col">Author</th>
          <th scope="col">Written</th>
        </tr>
      </thead>
      <tbody>
        {page.entries.map((entry) => (
          <tr key={entry.key} class={entry.key === chosen ? 'chosen' : ''}>
            <th scope="row" data-label="Key">
              <a
                href={linkTo('state', { prefix, key: entry.key })}
                aria-current={entry.key === chosen ? 'true' : undefined}
              >
                <code class="wrap">{entry.key}</code>
              </a>{' '}
              {entry.conflicts !== undefined && <Badge tone="warn">{plural(entry.conflicts, 'conflict')}</Badge>}
            </th>
            <td data-label="Value">
              <code class="wrap aside">{preview(entry.value)}</code>
            </td>
            <td data-label="Author">
              <code title={entry.author}>{short(entry.author, 6)}</code>
            </td>
            <td data-label="Written">
              <Ago at={hlcMs(entry.hlc)} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

export function StateView() {
  const prefix = parameters.value.get('prefix') ?? '';
  const chosen = parameters.value.get('key') ?? undefined;
  const [typed, setTyped] = useState(prefix);
  // The cursors of the pages up to this one, for going back.
  const [cursors, setCursors] = useState<readonly string[]>([]);
  const [seenAt, setSeenAt] = useState(status.value?.sequence);
  useEffect(() => {
    setTyped(prefix);
    setCursors([]);
  }, [prefix]);
  const cursor = cursors.at(-1);
  const page = useResource(`state ${JSON.stringify([prefix, cursor])}`, (call) =>
    api.listEntries({ prefix: prefix === '' ? undefined : prefix, limit: PAGE, cursor, ...call }),
  );
  useEffect(() => {
    if (page.state === 'ready') setSeenAt(status.peek()?.sequence);
  }, [page.state === 'ready' ? page.data : undefined]);
  const changed = stirs.value > 0 && seenAt !== undefined && (status.value?.sequence ?? 0) > seenAt;

  return (
    <div class={chosen === undefined ? '' : 'split'}>
      <Card>
        <form
          class="bar"
          role="search"
          onSubmit={(event) => {
            event.preventDefault();
            location.hash = linkTo('state', { prefix: typed, key: chosen });
          }}
        >
          <label for="prefix">Prefix</label>
          <input
            id="prefix"
            type="search"
            value={typed}
            placeholder="all keys"
            spellcheck={false}
            onInput={(event) => setTyped(event.currentTarget.value)}
          />
          <button type="submit">Browse</button>
          <button type="button" class="quiet" onClick={page.reload}>
            Read again
          </button>
          {changed && <span class="aside">The state has changed since this page was read.</span>}
        </form>
        <Show of={page} what="the state">
          {(data) =>
            data.entries.length === 0 ? (
              <Empty>{prefix === '' ? 'No key yet: the state is empty.' : `No key begins with ${prefix}`}</Empty>
            ) : (
              <Rows page={data} prefix={prefix} chosen={chosen} />
            )
          }
        </Show>
        <nav class="pager" aria-label="Pages">
          <button type="button" disabled={cursors.length === 0} onClick={() => setCursors((old) => old.slice(0, -1))}>
            Previous
          </button>
          <span class="aside">
            page {count(cursors.length + 1)}, {plural(status.value?.live ?? 0, 'key')} in all
          </span>
          <button
            type="button"
            disabled={page.state !== 'ready' || page.data.cursor === undefined}
            onClick={() => {
              if (page.state === 'ready' && page.data.cursor !== undefined) setCursors([...cursors, page.data.cursor]);
            }}
          >
            Next
          </button>
        </nav>
      </Card>
      {chosen !== undefined && <EntryPanel key={chosen} name={chosen} prefix={prefix} />}
    </div>
  );
}
