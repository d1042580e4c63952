import { useState } from 'preact/hooks';
import { api } from '../lib/api.ts';
import { others } from '../lib/fleet.ts';
import { bytes, count, plural, sinceTime } from '../lib/format.ts';
import { headline, lost, nodeNow, status } from '../lib/live.ts';
import { useResource } from '../lib/resource.ts';
import { linkTo } from '../lib/router.ts';
import type { Status } from '../lib/types.ts';
import { VERDICT_WORDS, warningsBeside } from '../lib/verdict-words.ts';
import { FleetTable } from '../ui/fleet-table.tsx';
import { Badge, Card, Copyable, Note, sentence, When } from '../ui/parts.tsx';
import { Tiles } from '../ui/tiles.tsx';
import { Transitions } from '../ui/transitions.tsx';

/** Reasons that are shown at first. When a large fleet falls apart, fifty reasons tell no more than a few. */
const FIRST_REASONS = 4;
const SHOWN_TRANSITIONS = 7;
/** The node takes a point of the series every five seconds, and its disk changes slowly. */
const SERIES_EVERY_MS = 5000;
const RESOURCES_EVERY_MS = 30_000;

function Reasons({ status: { verdict } }: { readonly status: Status }) {
  const [all, setAll] = useState(false);
  const { reasons } = verdict;
  if (reasons.length === 0) return null;
  const more = reasons.length - FIRST_REASONS;
  return (
    <>
      <ul class="reasons">
        {(all ? reasons : reasons.slice(0, FIRST_REASONS)).map((reason) => (
          <li key={`${reason.code} ${reason.author ?? reason.text}`}>
            {/* The sentence above may be this very reason. It then stands there once, and here is what to do. */}
            {reason.text !== verdict.sentence && <span>{reason.text} </span>}
            {reason.heals === 'by-itself' ? (
              <Badge tone="info">ends by itself</Badge>
            ) : (
              <Badge tone="warn">needs an operator</Badge>
            )}
            {reason.next !== undefined && <span class="next">Next: {reason.next}</span>}
          </li>
        ))}
      </ul>
      {more > 0 && (
        <button type="button" class="small" aria-expanded={all} onClick={() => setAll(!all)}>
          {all ? 'Show fewer' : `Show ${count(more)} more`}
        </button>
      )}
    </>
  );
}

function VerdictCard({ status: s }: { readonly status: Status }) {
  const { kind, since, sentence } = s.verdict;
  const { sign, tone } = lost.value ? ({ sign: '?', tone: 'warn' } as const) : VERDICT_WORDS[kind];
  return (
    <section class={`card verdict ${tone}`} aria-labelledby="verdict">
      <span class="verdict-sign" aria-hidden="true">
        {sign}
      </span>
      <div class="verdict-text">
        <h2 id="verdict">{headline.value}</h2>
        {lost.value ? (
          <p>This node does not answer. What it said last: {sentence}</p>
        ) : (
          <>
            <p class="sentence">{sentence}</p>
            <Reasons status={s} />
            <p class="aside">
              {headline.value} since {sinceTime(since, nodeNow.value)}
              {s.cuts?.convergedAsOf !== undefined && (
                <>
                  . A majority of the trusted nodes signed the state of <When at={s.cuts.convergedAsOf} />.
                </>
              )}
            </p>
          </>
        )}
        <details>
          <summary>Root of this node's state</summary>
          <Copyable text={s.root} label="root" />
        </details>
      </div>
    </section>
  );
}

/**
 * Shows a bootstrap or a check of the store that is under way. Until it ends, the node's state is not complete or not
 * completely verified.
 */
function Underway({ status: s }: { readonly status: Status }) {
  const { bootstrap, integrity } = s;
  return (
    <>
      {bootstrap !== undefined && bootstrap.phase !== 'done' && (
        <Note tone={bootstrap.phase === 'failed' ? 'bad' : 'info'} title={`Bootstrap: ${bootstrap.phase}`}>
          <p>
            {count(bootstrap.chunks.done)} of {plural(bootstrap.chunks.total, 'chunk')},{' '}
            {plural(bootstrap.entries, 'key')}, {bytes(bootstrap.bytes)}
            {bootstrap.verified !== undefined &&
              `; ${count(bootstrap.verified.done)} of ${plural(bootstrap.verified.total, 'signature')} checked`}
            {bootstrap.error !== undefined && `; ${bootstrap.error}`}
          </p>
          <progress aria-label="Bootstrap" max={Math.max(1, bootstrap.chunks.total)} value={bootstrap.chunks.done} />
        </Note>
      )}
      {integrity !== undefined && (
        <Note tone="info" title="The store is being checked.">
          <p>
            {count(integrity.checked)} of {plural(integrity.total, 'key')} checked since the start. The node works
            meanwhile.
          </p>
        </Note>
      )}
    </>
  );
}

function Warnings({ status: s }: { readonly status: Status }) {
  const { changes = 0 } = s.trust;
  return (
    <>
      {warningsBeside(s).map(({ code, text }) => (
        <Note key={`${code} ${text}`} tone="warn">
          <p>
            {sentence(text)} {code === 'set-aside' && <a href={linkTo('members')}>Decide about them</a>}
          </p>
        </Note>
      ))}
      {changes > 0 && (
        <Note tone="warn">
          <p>
            {plural(changes, 'change')} of the members {changes === 1 ? 'waits' : 'wait'} for approvals or votes.{' '}
            <a href={linkTo('members')}>Look at {changes === 1 ? 'it' : 'them'}</a>
          </p>
        </Note>
      )}
    </>
  );
}

export function Overview() {
  const series = useResource('series', (call) => api.getSeries(call), { everyMs: SERIES_EVERY_MS, optional: true });
  const resources = useResource('resources', (call) => api.getResources(call), {
    everyMs: RESOURCES_EVERY_MS,
    optional: true,
  });
  const s = status.value;
  if (s === undefined) return null;
  return (
    <>
      <VerdictCard status={s} />
      <Warnings status={s} />
      <Underway status={s} />
      <Tiles status={s} series={series.state === 'ready' ? series.data.items : []} />
      <Card title="Fleet" actions={<a href={linkTo('fleet')}>Add or remove nodes</a>}>
        <FleetTable
          status={s}
          others={others.value}
          resources={resources.state === 'ready' ? resources.data : undefined}
        />
      </Card>
      <Card title="Latest transitions" actions={<a href={linkTo('sync')}>All transitions</a>}>
        <Transitions items={s.transitions} limit={SHOWN_TRANSITIONS} />
      </Card>
    </>
  );
}
