import { useEffect, useRef, useState } from 'preact/hooks';
import type { VaultObject } from '../../../src/client/index.ts';
import { useAction } from '../lib/action.ts';
import { api } from '../lib/api.ts';
import { askToken } from '../lib/auth.ts';
import { bytes, count } from '../lib/format.ts';
import { announcement } from '../lib/live.ts';
import { useResource } from '../lib/resource.ts';
import { linkTo } from '../lib/router.ts';
import type { ContentResult } from '../proof/verify-content.ts';
import { Ago, Badge, Card, Copyable, Empty, Facts, NodeName, Note, Problem, Show, When } from '../ui/parts.tsx';

/** The address of the content, from which browsers save it under its own name. */
const contentUrl = (hash: string): string => `${api.url}/api/v1/vault/${hash}`;

export function HereBadge({ object }: { readonly object: VaultObject }) {
  if (object.here === 'whole') return <Badge tone="ok">here</Badge>;
  if (object.here === 'partly') return <Badge tone="info">{`${bytes(object.bytesHere)} here`}</Badge>;
  return <Badge tone="warn">missing</Badge>;
}

const SIGNS = { ok: ['ok-text', '✓'], failed: ['bad-text', '✕'], 'not-checked': ['aside', '–'] } as const;

/** Hashes the content in the browser, and checks it against the entry and the entry against the node's root. */
function VerifyCard({ object }: { readonly object: VaultObject }) {
  const [seen, setSeen] = useState(0);
  const leaving = useRef(new AbortController());
  useEffect(() => () => leaving.current.abort(new Error('the page was left')), []);
  const check = useAction<ContentResult>(async () => {
    setSeen(0);
    const { verifyContent } = await import('../proof/verify-content.ts');
    const result = await verifyContent(object.hash, leaving.current.signal, setSeen);
    announcement.value = result.holds ? 'The content was verified' : 'The content is not what its hash names';
    return result;
  }, false);
  const { result } = check;
  return (
    <Card
      title="Verify"
      actions={
        <button type="button" class="primary" onClick={check.run} disabled={check.busy}>
          {check.busy ? 'Checking…' : result === undefined ? 'Read and verify' : 'Verify again'}
        </button>
      }
    >
      {check.busy && (
        <progress value={seen} max={Math.max(1, object.size)} aria-label="Bytes that were read and hashed" />
      )}
      {check.problem !== undefined && <Problem problem={check.problem} retry={check.run} />}
      {result === undefined && check.problem === undefined && (
        <p class="empty">
          Reads the content and hashes it here, and checks the proof of its entry against the node's root, without
          trusting the node's word.
        </p>
      )}
      {result !== undefined && (
        <div class={`proof ${result.holds ? 'ok' : 'bad'}`}>
          <p class="proof-verdict" role="status">
            <Badge tone={result.holds ? 'ok' : 'bad'}>
              {result.holds ? 'Content verified' : 'Content does not hold'}
            </Badge>{' '}
            <span class="aside">checked in this browser in {count(Math.max(1, Math.round(result.ms)))} ms</span>
          </p>
          <ol class="checks">
            {result.checks.map(({ check: name, result: outcome, text }) => (
              <li key={name}>
                <span class={`sign ${SIGNS[outcome][0]}`} aria-hidden="true">
                  {SIGNS[outcome][1]}
                </span>
                <span class="wrap">
                  {outcome === 'failed' && <strong>Failed: </strong>}
                  {outcome === 'not-checked' && 'Not checked: '}
                  {text}
                </span>
              </li>
            ))}
          </ol>
          {!result.holds && (
            <Note tone="bad" title="Do not use this content.">
              <p>Read it from another node. The node reads and checks its own bytes with `lattice vault verify`.</p>
            </Note>
          )}
        </div>
      )}
    </Card>
  );
}

/** Pins, fetches and removes an object, with the token. */
function Actions({ object, changed }: { readonly object: VaultObject; readonly changed: () => void }) {
  const [asking, setAsking] = useState(false);
  const signed = async <T,>(why: string, work: () => Promise<T>): Promise<T | undefined> => {
    if ((await askToken(why)) === undefined) return undefined;
    const done = await work();
    changed();
    return done;
  };
  const { hash, pinned } = object;
  const pin = useAction(
    () => signed('to change the pin', () => (pinned ? api.vault.unpin(hash) : api.vault.pin(hash))),
    false,
  );
  const fetch = useAction(() => signed('to have the node fetch it', () => api.vault.fetch(hash)), false);
  const remove = useAction(
    () =>
      signed('to remove it', async () => {
        await api.vault.remove(hash);
        announcement.value = 'The object is removed';
        location.hash = linkTo('vault');
        return true;
      }),
    false,
  );
  const problem = pin.problem ?? fetch.problem ?? remove.problem;
  return (
    <>
      <div class="buttons">
        {object.here === 'whole' && (
          <a class="button" href={contentUrl(hash)} download={object.name === '' ? hash : object.name}>
            Download
          </a>
        )}
        {object.here !== 'whole' && (
          <button type="button" onClick={fetch.run} disabled={fetch.busy}>
            {fetch.busy ? 'Fetching…' : 'Fetch it to this node'}
          </button>
        )}
        <button type="button" onClick={pin.run} disabled={pin.busy}>
          {pinned ? 'Unpin' : 'Pin'}
        </button>
        {asking ? (
          <>
            <button type="button" class="danger" onClick={remove.run} disabled={remove.busy}>
              {remove.busy ? 'Removing…' : 'Remove it from all nodes'}
            </button>
            <button type="button" onClick={() => setAsking(false)}>
              Cancel
            </button>
          </>
        ) : (
          <button type="button" onClick={() => setAsking(true)}>
            Remove
          </button>
        )}
      </div>
      {problem !== undefined && <Problem problem={problem} />}
    </>
  );
}

/** Which nodes have the bytes, as they answer now. */
function Holders({ hash }: { readonly hash: string }) {
  const holders = useResource(`holders ${hash}`, (call) => api.vault.holders(hash, call));
  return (
    <Show of={holders} what="who has it">
      {(data) =>
        data.length === 0 ? (
          <p class="aside">No other node answers at present.</p>
        ) : (
          <ul class="holders">
            {data.map(({ author, label, has }) => (
              <li key={author}>
                <span>{label}</span> <Badge tone={has ? 'ok' : 'mute'}>{has ? 'has it' : 'does not have it'}</Badge>
              </li>
            ))}
          </ul>
        )
      }
    </Show>
  );
}

export function ObjectPanel({ hash, changed }: { readonly hash: string; readonly changed: () => void }) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus({ preventScroll: false }), []);
  const found = useResource(`object ${hash}`, (call) => api.vault.stat(hash, call), { everyMs: 5000 });
  const object = found.state === 'ready' ? found.data : undefined;
  const reload = (): void => {
    found.reload();
    changed();
  };
  return (
    <section class="entry" aria-labelledby="object-title">
      <div class="card">
        <div class="card-head">
          <h2 id="object-title" tabIndex={-1} ref={heading} class="wrap">
            {object === undefined || object.name === '' ? 'Object' : object.name}
          </h2>
          <a href={linkTo('vault')}>Close</a>
        </div>
        <Show of={found} what="the object">
          {(o) =>
            o === undefined ? (
              <Empty>The vault has no object of this hash: it was removed, or never put.</Empty>
            ) : (
              <>
                <Facts
                  items={[
                    ['SHA-256', <Copyable key="hash" text={o.hash} label="hash" />],
                    ['Size', `${bytes(o.size)} (${count(o.size)} bytes)`],
                    ['Type', o.type === '' ? 'not given' : <code key="type">{o.type}</code>],
                    ['On this node', <HereBadge key="here" object={o} />],
                    ['Pinned', o.pinned ? 'yes: every node that keeps pinned objects has it' : 'no'],
                    [
                      'Put',
                      <span key="at">
                        <When at={o.at} />{' '}
                        <span class="aside">
                          (<Ago at={o.at} />) at <NodeName id={o.author} />
                        </span>
                      </span>,
                    ],
                  ]}
                />
                <Actions object={o} changed={reload} />
                <h3>Other nodes</h3>
                <Holders hash={o.hash} />
              </>
            )
          }
        </Show>
      </div>
      {object?.here === 'whole' && <VerifyCard key={hash} object={object} />}
    </section>
  );
}
