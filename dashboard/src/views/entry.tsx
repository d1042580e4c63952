import { useEffect, useRef } from 'preact/hooks';
import { api } from '../lib/api.ts';
import { hlcMs, plural, short } from '../lib/format.ts';
import { useResource } from '../lib/resource.ts';
import { linkTo } from '../lib/router.ts';
import { Ago, Badge, Card, Copyable, Empty, Facts, Show, When } from '../ui/parts.tsx';
import { ProofPanel } from './proof.tsx';

const HISTORY_PAGE = 50;

export function EntryPanel({ name, prefix }: { readonly name: string; readonly prefix: string }) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus({ preventScroll: false }), []);
  const entry = useResource(`entry ${name}`, (call) => api.getEntry(name, call));
  return (
    <section class="entry" aria-labelledby="entry-title">
      <div class="card">
        <div class="card-head">
          <h2 id="entry-title" tabIndex={-1} ref={heading}>
            <code class="wrap">{name}</code>
          </h2>
          <a href={linkTo('state', { prefix })}>Close</a>
        </div>
        <Show of={entry} what="the entry">
          {(e) =>
            e === undefined ? (
              <Empty>No value under this key: it was never written, or deleted. The proof below shows which.</Empty>
            ) : (
              <>
                <pre class="value" tabIndex={0} aria-label="Value">
                  {JSON.stringify(e.value, null, 2)}
                </pre>
                {e.conflicts !== undefined && (
                  <p>
                    <Badge tone="warn">{plural(e.conflicts, 'conflicting value')}</Badge>{' '}
                    <a href={linkTo('conflicts')}>Decide</a>
                  </p>
                )}
                <Facts
                  items={[
                    ['Author', <Copyable key="author" text={e.author} label="author" />],
                    [
                      'Written',
                      <span key="at">
                        <When at={hlcMs(e.hlc)} />{' '}
                        <span class="aside">
                          (<Ago at={hlcMs(e.hlc)} />, by the author's clock)
                        </span>
                      </span>,
                    ],
                    ['Version', <Copyable key="version" text={e.version} label="version" />],
                    ['HLC', <code key="hlc">{e.hlc}</code>],
                  ]}
                />
              </>
            )
          }
        </Show>
      </div>
      <ProofPanel name={name} />
      <HistoryCard name={name} />
    </section>
  );
}

function HistoryCard({ name }: { readonly name: string }) {
  const history = useResource(`history ${name}`, (call) => api.getHistory(name, { limit: HISTORY_PAGE, ...call }), {
    optional: true,
  });
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
                      {item.deleted ? <Badge tone="mute">deleted</Badge> : <Badge tone="info">written</Badge>}{' '}
                      {item.current && <Badge tone="ok">current</Badge>}
                      <span class="cause">
                        {item.author !== undefined && (
                          <>
                            by <code title={item.author}>{short(item.author, 6)}</code>,{' '}
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
