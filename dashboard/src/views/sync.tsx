import type { FunctionComponent } from 'preact';
import { useEffect, useId, useMemo, useState } from 'preact/hooks';
import { useAction } from '../lib/action.ts';
import { api, LONG } from '../lib/api.ts';
import { askToken } from '../lib/auth.ts';
import { others } from '../lib/fleet.ts';
import { count, duration, plural } from '../lib/format.ts';
import { announcement, nodeNow, refresh, status } from '../lib/live.ts';
import { useResource } from '../lib/resource.ts';
import type { Series, Status } from '../lib/types.ts';
import { Badge, Card, Empty, Loading, NodeName, Note, Problem, Show } from '../ui/parts.tsx';
import { LungState } from '../ui/peer-parts.tsx';
import { Transitions } from '../ui/transitions.tsx';
import type { Mark } from './plots.tsx';

/** Period of reading the series, which the node keeps for one hour in steps of five seconds. */
const SERIES_EVERY_MS = 5000;
const SHOWN_TRANSITIONS = 100;
const MAX_REASON = 200;

const MODES: readonly (readonly [mode: Status['mode'], what: string])[] = [
  ['auto', 'each peer over the lung that carries it'],
  ['p2p', 'P2P only, even where it reaches nobody'],
  ['http', 'HTTP only, P2P is not used'],
];

function ModeForm({ mode }: { readonly mode: Status['mode'] }) {
  const id = useId();
  const [wanted, setWanted] = useState<Status['mode'] | undefined>();
  const [reason, setReason] = useState('');
  const chosen = wanted ?? mode;
  const change = useAction(async () => {
    if ((await askToken('to switch the mode')) === undefined) return undefined;
    const answer = await api.setMode(chosen, { reason: reason.trim() });
    announcement.value = answer.message;
    setWanted(undefined);
    setReason('');
    refresh();
    return answer;
  });
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        change.run();
      }}
    >
      <fieldset>
        <legend>Which lungs may carry peers</legend>
        {MODES.map(([name, what]) => (
          <label key={name} class="choice">
            <input type="radio" name="mode" value={name} checked={chosen === name} onChange={() => setWanted(name)} />
            <span>
              <strong>{name}</strong> {what}
              {mode === name && <Badge tone="info">now</Badge>}
            </span>
          </label>
        ))}
      </fieldset>
      <label for={`${id}-reason`}>Reason, kept with the transition</label>
      <input
        id={`${id}-reason`}
        type="text"
        value={reason}
        maxLength={MAX_REASON}
        required
        placeholder="e.g. maintenance of the firewall"
        onInput={(event) => setReason(event.currentTarget.value)}
      />
      <div class="buttons">
        <button type="submit" class="primary" disabled={change.busy || chosen === mode}>
          {change.busy ? 'Switching…' : chosen === mode ? 'Switch' : `Switch to ${chosen}`}
        </button>
      </div>
      {change.missing && (
        <Note tone="warn">
          Not available on this node: its version cannot switch from here. On the command line: lattice sync mode{' '}
          {chosen}
        </Note>
      )}
      {change.problem !== undefined && <Problem problem={change.problem} />}
      {change.result !== undefined && (
        <Note tone={change.result.changed ? 'ok' : 'info'}>
          <p>{change.result.message}</p>
        </Note>
      )}
    </form>
  );
}

function SyncNow() {
  const now = useAction(async () => {
    if ((await askToken('to start a comparison')) === undefined) return undefined;
    const answer = await api.syncNow(LONG);
    refresh();
    return answer;
  });
  return (
    <div>
      <button type="button" onClick={now.run} disabled={now.busy}>
        {now.busy ? 'Comparing…' : 'Compare and repair now'}
      </button>
      {now.problem !== undefined && <Problem problem={now.problem} />}
      {now.result !== undefined && (
        <p role="status">
          Compared: {count(now.result.converged.equal)} of {plural(now.result.converged.peers, 'other node')}{' '}
          {now.result.converged.equal === 1 ? 'is' : 'are'} equal.
        </p>
      )}
    </div>
  );
}

function Repairs({ now }: { readonly now: number }) {
  const running = others.value.filter(({ peer }) => peer?.repair !== undefined);
  if (running.length === 0) return <Empty>No repair runs.</Empty>;
  return (
    <ul class="rows">
      {running.map(({ id, label, peer }) => {
        const repair = peer?.repair;
        if (repair === undefined) return null;
        const done = repair.fetched + repair.pushed;
        return (
          <li key={id} class="repair">
            <NodeName id={id} />
            <span>
              over {repair.lung === 'p2p' ? 'P2P' : 'HTTP'} for {duration(Math.max(0, now - repair.since))}:{' '}
              {count(repair.fetched)} fetched, {count(repair.pushed)} pushed, {count(repair.remaining)} to go
              {repair.perSecond !== undefined && `, ${count(Math.round(repair.perSecond))}/s`}
            </span>
            <progress aria-label={`Repair with ${label}`} max={Math.max(1, done + repair.remaining)} value={done} />
          </li>
        );
      })}
    </ul>
  );
}

/** How much of the series is shown, in minutes; the node keeps an hour. */
const RANGES = [5, 15, 60] as const;

type Plots = FunctionComponent<{ readonly series: Series; readonly marks: readonly Mark[] }>;

/** Loads the plots when they are shown, because the plotting library is the largest part of the dashboard. */
function PlotsLater({ series, marks }: { readonly series: Series; readonly marks: readonly Mark[] }) {
  const [Shown, setShown] = useState<Plots | undefined>();
  const [failed, setFailed] = useState(false);
  useEffect(() => {
    import('./plots.tsx').then(
      (module) => setShown(() => module.SeriesPlots),
      () => setFailed(true),
    );
  }, []);
  if (failed) return <Note tone="warn">The plots could not be loaded. Load the page again.</Note>;
  return Shown === undefined ? <Loading what="the plots" /> : <Shown series={series} marks={marks} />;
}

/** The series with a choice of how much of it is shown. Transitions are marked. */
function Charts({ series, transitions }: { readonly series: Series; readonly transitions: Status['transitions'] }) {
  const [minutes, setMinutes] = useState<(typeof RANGES)[number]>(15);
  const end = series.items.at(-1)?.at ?? 0;
  const shown = useMemo(
    () => ({ ...series, items: series.items.filter(({ at }) => at > end - minutes * 60_000) }),
    [series, end, minutes],
  );
  const begin = shown.items[0]?.at ?? end;
  const moments = transitions.flatMap(({ at }) => (at >= begin && at <= end ? [at] : []));
  // Every look at the node brings a new list. The plots are drawn again only when it has other moments.
  const marks = useMemo(() => moments.map((at): Mark => ({ at })), [moments.join()]);
  return (
    <>
      <fieldset class="ranges">
        <legend>Time range</legend>
        {RANGES.map((range) => (
          <label key={range} class="choice">
            <input type="radio" name="range" checked={range === minutes} onChange={() => setMinutes(range)} />
            <span>{duration(range * 60_000)}</span>
          </label>
        ))}
        <span class="aside">
          {marks.length === 0
            ? 'No transition in this time.'
            : `Dotted lines mark ${plural(marks.length, 'transition')}, which the list below explains.`}
        </span>
      </fieldset>
      <PlotsLater series={shown} marks={marks} />
    </>
  );
}

export function Sync() {
  const series = useResource('series', (call) => api.getSeries(call), { everyMs: SERIES_EVERY_MS, optional: true });
  const s = status.value;
  if (s === undefined) return null;
  const carried = (lung: 'p2p' | 'http'): number => s.verdict.members.filter((member) => member.lung === lung).length;
  return (
    <>
      <div class="grid two">
        <Card title="Mode">
          <ModeForm mode={s.mode} />
        </Card>
        <Card title="Lungs and repairs">
          <ul class="rows">
            <li>
              <strong>P2P</strong> <LungState status={s} lung="p2p" carried={carried('p2p')} />
            </li>
            <li>
              <strong>HTTP</strong> <LungState status={s} lung="http" carried={carried('http')} />
            </li>
          </ul>
          <Repairs now={nodeNow.value} />
          <SyncNow />
        </Card>
      </div>
      <Card title="Throughput and latency">
        <Show of={series} what="measurements over time">
          {(data) =>
            data.items.length === 0 ? (
              <Empty>The first step of five seconds is not over yet.</Empty>
            ) : (
              <Charts series={data} transitions={s.transitions} />
            )
          }
        </Show>
      </Card>
      <Card title="Transitions, newest first">
        <Transitions items={s.transitions} limit={SHOWN_TRANSITIONS} />
      </Card>
    </>
  );
}
