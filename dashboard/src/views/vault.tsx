import { useEffect, useState } from 'preact/hooks';
import type { VaultPage, VaultState } from '../../../src/client/index.ts';
import { api } from '../lib/api.ts';
import { bytes, count, plural, short } from '../lib/format.ts';
import { stirs } from '../lib/live.ts';
import { useResource } from '../lib/resource.ts';
import { linkTo, parameters } from '../lib/router.ts';
import { Pager } from '../ui/pager.tsx';
import { Badge, Card, Empty, Note, Show } from '../ui/parts.tsx';
import { HereBadge, ObjectPanel } from './vault-object.tsx';
import { UploadCard } from './vault-upload.tsx';

const PAGE = 50;
/** How often the vault is looked at: fetches go on by themselves. */
const LOOK_MS = 5000;

/** What is in the vault, what of it is here, and what is fetched. */
function Summary({ state }: { readonly state: VaultState }) {
  const { objects, here, missing, policy, fetching, damaged, leftOut } = state;
  return (
    <>
      <p>
        {plural(objects, 'object')}, {bytes(state.bytes)}. This node has {count(here.objects)} of them (
        {bytes(here.bytes)})
        {missing.objects === 0 ? '.' : ` and still fetches ${count(missing.objects)} (${bytes(missing.bytes)}).`}{' '}
        <span class="aside">
          It fetches {policy === 'all' ? 'every object' : policy === 'pinned' ? 'pinned objects' : 'nothing by itself'};
          an object has at most {bytes(state.maxObjectBytes)}.
        </span>
      </p>
      {state.paused !== undefined && <Note tone="warn">{state.paused}</Note>}
      {fetching.length > 0 && (
        <ul class="uploads" aria-label="Fetches">
          {fetching.map(({ hash, size, bytesHere, from, waiting }) => (
            <li key={hash}>
              <a href={linkTo('vault', { hash })}>
                <code>{short(hash)}</code>
              </a>{' '}
              <span class="aside">
                {bytes(bytesHere)} of {bytes(size)}
                {from.length === 0 ? '' : ` from ${from.join(', ')}`}
              </span>
              <progress value={bytesHere} max={Math.max(1, size)} aria-label={`Fetch of ${short(hash)}`} />
              {waiting !== undefined && <p class="aside">{waiting.reason}</p>}
            </li>
          ))}
        </ul>
      )}
      {damaged.map(({ hash, at, text }) => (
        <Note key={`${hash} ${at}`} tone="bad" title={`Damaged: ${short(hash)}`}>
          <p>{text}</p>
        </Note>
      ))}
      {leftOut.map(({ hash, peer, at, text }) => (
        <Note key={`${hash} ${at} ${peer}`} tone="warn" title={`${peer} sent wrong bytes of ${short(hash)}`}>
          <p>{text}</p>
        </Note>
      ))}
    </>
  );
}

function Rows({ page, chosen }: { readonly page: VaultPage; readonly chosen: string | undefined }) {
  return (
    <table class="stack keys">
      <caption class="unseen">Objects of the vault</caption>
      <thead>
        <tr>
          <th scope="col">Name</th>
          <th scope="col">Size</th>
          <th scope="col">Type</th>
          <th scope="col">Here</th>
        </tr>
      </thead>
      <tbody>
        {page.objects.map((object) => (
          <tr key={object.hash} class={object.hash === chosen ? 'chosen' : ''}>
            <th scope="row" data-label="Name">
              <span>
                <a
                  class="wrap"
                  href={linkTo('vault', { hash: object.hash })}
                  aria-current={object.hash === chosen ? 'true' : undefined}
                  title={object.hash}
                >
                  {object.name === '' ? <code>{short(object.hash)}</code> : object.name}
                </a>{' '}
                {object.pinned && <Badge tone="info">pinned</Badge>}
              </span>
            </th>
            <td data-label="Size">{bytes(object.size)}</td>
            <td data-label="Type">
              <span class="wrap aside">{object.type === '' ? 'not given' : object.type}</span>
            </td>
            <td data-label="Here">
              <HereBadge object={object} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

export function VaultView() {
  const chosen = parameters.value.get('hash') ?? undefined;
  // The cursors of the pages up to this one, for going back.
  const [cursors, setCursors] = useState<readonly string[]>([]);
  const cursor = cursors.at(-1);
  const state = useResource('vault', (call) => api.vault.status(call), { everyMs: LOOK_MS, optional: true });
  const page = useResource(`vault page ${cursor}`, (call) => api.vault.list({ limit: PAGE, cursor, ...call }), {
    everyMs: LOOK_MS,
    optional: true,
  });
  const changed = (): void => {
    state.reload();
    page.reload();
  };
  // What other nodes put in comes with a batch of changes.
  useEffect(changed, [stirs.value]);
  if (state.state === 'missing')
    return (
      <Card>
        <Empty>Not available on this node: it has no vault.</Empty>
      </Card>
    );
  const data = page.state === 'ready' ? page.data : undefined;
  const from = cursors.length * PAGE + 1;
  return (
    <div class={chosen === undefined ? 'vault' : 'split'}>
      <div class="vault">
        <UploadCard changed={changed} />
        <Card title="Objects">
          <Show of={state} what="the vault">
            {(shown) => <Summary state={shown} />}
          </Show>
          <Show of={page} what="the objects">
            {(shown) =>
              shown.objects.length === 0 ? (
                <Empty>The vault is empty. What is put in at any node is listed on all of them.</Empty>
              ) : (
                <Rows page={shown} chosen={chosen} />
              )
            }
          </Show>
          {(cursors.length > 0 || data?.cursor !== undefined) && (
            <Pager cursors={cursors} next={data?.cursor} go={setCursors}>
              {data === undefined || data.objects.length === 0
                ? ''
                : `objects ${count(from)} to ${count(from + data.objects.length - 1)}`}
            </Pager>
          )}
        </Card>
      </div>
      {chosen !== undefined && <ObjectPanel key={chosen} hash={chosen} changed={changed} />}
    </div>
  );
}
