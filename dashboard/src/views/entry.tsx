import { useEffect, useRef } from 'preact/hooks';
import { api } from '../lib/api.ts';
import { hlcMs, plural, short } from '../lib/format.ts';
import { useResource } from '../lib/resource.ts';
import { linkTo } from '../lib/router.ts';
import { Ago, Badge, Card, Copyable, Empty, Facts, KeyText, NodeName, Show, When } from '../ui/parts.tsx';
import { LastReceipt, lastReceipt } from '../ui/receipt.tsx';
import { EditEntry } from './edit.tsx';
import { ProofPanel } from './proof.tsx';

const HISTORY_PAGE = 50;

interface EntryPanelProps {
  readonly name: string;
  readonly prefix: string;
  /** Called when the entry was written here. */
  readonly written: () => void;
}

export function EntryPanel({ name, prefix, written }: EntryPanelProps) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus({ preventScroll: false }), []);
  useEffect(
    () => () => {
      lastReceipt.value = undefined;
    },
    [],
  );
  const entry = useResource(`entry ${name}`, (call) => api.getEntry(name, call));
  // The version that is shown names the history too, so that it is read again when the entry has changed.
  const version = entry.state === 'ready' ? entry.data?.version : undefined;
  const reload = (): void => {
    entry.reload();
    written();
  };
  return (
    <section class="entry" aria-labelledby="entry-title">
      <div class="card">
        <div class="card-head">
          <h2 id="entry-title" tabIndex={-1} ref={heading}>
            <KeyText text={name} />
          </h2>
          <span>
            <button type="button" class="small quiet" onClick={entry.reload}>
              Refresh
            </button>{' '}
            <a href={linkTo('state', { prefix })}>Close</a>
          </span>
        </div>
        <LastReceipt of={name} />
        <Show of={entry} what="the entry">
          {(e) =>
            e === undefined ? (
              <Empty>
                No value under this key: it was never written, was deleted, or has ended. The proof below shows which.
              </Empty>
            ) : (
              <>
                <pre class="value" tabIndex={0} aria-label="Value">
                  {JSON.stringify(e.value, null, 2)}
                </pre>
                {e.conflicts !== undefined && (
                  <p>
                    <Badge tone="warn">1 conflict of {plural(e.conflicts + 1, 'value')}</Badge>{' '}
                    <a href={linkTo('conflicts')}>Resolve</a>
                  </p>
                )}
                <Facts
                  items={[
                    ['Author', <NodeName key="author" id={e.author} />],
                    [
                      'Written',
                      <span key="at">
                        <When at={hlcMs(e.hlc)} />{' '}
                        <span class="aside">
                          (<Ago at={hlcMs(e.hlc)} />, by the author's clock)
                        </span>
                      </span>,
                    ],
                    ...(e.expires === undefined ? [] : [['Ends', <When key="ends" at={e.expires} />] as const]),
                  ]}
                />
                <details>
                  <summary>Ids</summary>
                  <Facts
                    items={[
                      ['Public key', <Copyable key="author" text={e.author} label="author" />],
                      ['Version', <Copyable key="version" text={e.version} label="version" />],
                    ]}
                  />
                </details>
                <EditEntry entry={e} reload={reload} />
              </>
            )
          }
        </Show>
      </div>
      <ProofPanel name={name} />
      <HistoryCard name={name} version={version} />
    </section>
  );
}

function HistoryCard({ name, version }: { readonly name: string; readonly version: string | undefined }) {
  const history = useResource(
    `history ${name} ${version}`,
    (call) => api.getHistory(name, { limit: HISTORY_PAGE, ...call }),
    {
      optional: true,
    },
  );
  return (
    <Card title="History">
      <Show of={history} what="the history of a key">
        {(data) =>
          data.items.length === 0 ? (
            <Empty>Nothing of this key is in the journal any more.</Empty>
          ) : (
            <>
              <ol class="timeline">
                {data.items.map((item) => (
                  <li key={item.version}>
                    <span class="at">
                      {item.at === undefined ? <span class="aside">time not known</span> : <Ago at={item.at} />}
                    </span>
                    <span class="what">
                      {item.deleted ? (
                        <Badge tone="mute">{item.expires === undefined ? 'deleted' : 'ended'}</Badge>
                      ) : (
                        <Badge tone="info">written</Badge>
                      )}{' '}
                      {item.current && <Badge tone="ok">current</Badge>}
                      {item.concurrent === true && <Badge tone="warn">concurrent</Badge>}
                      <span class="cause">
                        {item.author !== undefined && (
                          <>
                            by <NodeName id={item.author} />,{' '}
                          </>
                        )}
                        version <code title={item.version}>{short(item.version, 6)}</code>
                      </span>
                      {item.value !== undefined && (
                        <code class="wrap aside block">{JSON.stringify(item.value).slice(0, 200)}</code>
                      )}
                    </span>
                  </li>
                ))}
              </ol>
              {!data.complete && <p class="aside">Older ones have left the node's journal.</p>}
            </>
          )
        }
      </Show>
    </Card>
  );
}
