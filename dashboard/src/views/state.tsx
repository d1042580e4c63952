import { useEffect, useState } from 'preact/hooks';
import { api } from '../lib/api.ts';
import { count, hlcMs, plural } from '../lib/format.ts';
import { status, stirs } from '../lib/live.ts';
import { useResource } from '../lib/resource.ts';
import { linkTo, parameters } from '../lib/router.ts';
import type { EntryPage } from '../lib/types.ts';
import { Pager } from '../ui/pager.tsx';
import { Ago, Badge, Card, Empty, KeyText, NodeName, Show } from '../ui/parts.tsx';
import { NewEntry } from './edit.tsx';
import { EntryPanel } from './entry.tsx';

const PAGE = 50;
const MAX_PREVIEW = 90;
/** Keys with a prefix are counted up to here: the answer to that is one page of the node, at most 1 MiB. */
const MAX_COUNTED = 1000;

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
    <table class="stack keys">
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
                <KeyText text={entry.key} short />
              </a>
              {entry.conflicts !== undefined && <Badge tone="warn">{plural(entry.conflicts + 1, 'value')}</Badge>}
            </th>
            <td data-label="Value">
              <code class="wrap aside">{preview(entry.value)}</code>
            </td>
            <td data-label="Author">
              <NodeName id={entry.author} />
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

/** How many keys the filter finds: counted by the node where there are more than one page of them. */
function useFound(prefix: string, first: EntryPage | undefined): string {
  const isMore = prefix !== '' && first?.cursor !== undefined;
  const counted = useResource(`count ${JSON.stringify([prefix, isMore])}`, async (call) => {
    if (!isMore) return undefined;
    const { entries, cursor } = await api.listEntries({ prefix, limit: MAX_COUNTED, ...call });
    return { keys: entries.length, complete: cursor === undefined };
  });
  if (prefix === '') return `${plural(status.value?.live ?? 0, 'key')} in all`;
  if (first !== undefined && !isMore) return `${plural(first.entries.length, 'key')} found`;
  if (counted.state !== 'ready' || counted.data === undefined) return '';
  return counted.data.complete
    ? `${plural(counted.data.keys, 'key')} found`
    : `more than ${count(counted.data.keys)} keys found`;
}

/** The two ways to a key: by what it begins with, and by the key itself. */
function Search({
  prefix,
  chosen,
  reload,
}: {
  readonly prefix: string;
  readonly chosen: string | undefined;
  readonly reload: () => void;
}) {
  const [typed, setTyped] = useState(prefix);
  const [wanted, setWanted] = useState('');
  useEffect(() => setTyped(prefix), [prefix]);
  return (
    <div class="searches">
      <form
        class="bar"
        role="search"
        aria-label="Filter"
        onSubmit={(event) => {
          event.preventDefault();
          location.hash = linkTo('state', { prefix: typed, key: chosen });
        }}
      >
        <label for="prefix">Keys that begin with</label>
        <input
          id="prefix"
          type="search"
          value={typed}
          placeholder="anything"
          spellcheck={false}
          onInput={(event) => setTyped(event.currentTarget.value)}
        />
        <button type="submit">Filter</button>
      </form>
      <form
        class="bar"
        role="search"
        aria-label="Go to a key"
        onSubmit={(event) => {
          event.preventDefault();
          if (wanted !== '') location.hash = linkTo('state', { prefix, key: wanted });
        }}
      >
        <label for="wanted">Go to key</label>
        <input
          id="wanted"
          type="search"
          value={wanted}
          placeholder="the whole key"
          spellcheck={false}
          onInput={(event) => setWanted(event.currentTarget.value)}
        />
        <button type="submit">Open</button>
      </form>
      <div class="bar">
        <button type="button" class="quiet" onClick={reload}>
          Refresh
        </button>
        <a class="button" href={linkTo('state', { prefix, new: 'yes' })}>
          New key
        </a>
      </div>
    </div>
  );
}

export function StateView() {
  const prefix = parameters.value.get('prefix') ?? '';
  const chosen = parameters.value.get('key') ?? undefined;
  const adding = chosen === undefined && parameters.value.has('new');
  // The cursors of the pages up to this one, for going back.
  const [cursors, setCursors] = useState<readonly string[]>([]);
  const [seenAt, setSeenAt] = useState(status.value?.sequence);
  useEffect(() => setCursors([]), [prefix]);
  const cursor = cursors.at(-1);
  const page = useResource(`state ${JSON.stringify([prefix, cursor])}`, (call) =>
    api.listEntries({ prefix: prefix === '' ? undefined : prefix, limit: PAGE, cursor, ...call }),
  );
  const data = page.state === 'ready' ? page.data : undefined;
  const [firstPage, setFirstPage] = useState<{ readonly prefix: string; readonly page: EntryPage } | undefined>();
  useEffect(() => {
    if (data === undefined) return;
    setSeenAt(status.peek()?.sequence);
    if (cursor === undefined) setFirstPage({ prefix, page: data });
  }, [data]);
  const found = useFound(prefix, firstPage?.prefix === prefix ? firstPage.page : undefined);
  const changed = stirs.value > 0 && seenAt !== undefined && (status.value?.sequence ?? 0) > seenAt;
  const from = cursors.length * PAGE + 1;
  const isPaged = cursors.length > 0 || data?.cursor !== undefined;

  return (
    <div class={chosen === undefined && !adding ? '' : 'split'}>
      <Card>
        <Search prefix={prefix} chosen={chosen} reload={page.reload} />
        {changed && (
          <p class="aside" role="status">
            The state has changed since this page was read.
          </p>
        )}
        <Show of={page} what="the state">
          {(shown) =>
            shown.entries.length === 0 ? (
              <Empty>
                {shown.cursor !== undefined ? (
                  'The keys of this page have been deleted, or have ended. Others may come after them.'
                ) : cursor !== undefined ? (
                  'No key has a value after those of the pages before.'
                ) : prefix === '' ? (
                  'The state is empty: no key has a value yet.'
                ) : (
                  <>
                    No key begins with <KeyText text={prefix} />
                  </>
                )}
              </Empty>
            ) : (
              <Rows page={shown} prefix={prefix} chosen={chosen} />
            )
          }
        </Show>
        <Pager cursors={cursors} next={data?.cursor} go={setCursors}>
          {data !== undefined && data.entries.length > 0 && isPaged
            ? `keys ${count(from)} to ${count(from + data.entries.length - 1)}; ${found}`
            : found}
        </Pager>
      </Card>
      {chosen !== undefined && <EntryPanel key={chosen} name={chosen} prefix={prefix} written={page.reload} />}
      {adding && <NewEntry suggested={prefix} written={page.reload} />}
    </div>
  );
}
