import type { FunctionComponent } from 'preact';
import { useEffect, useId, useState } from 'preact/hooks';
import { useAction } from '../lib/action.ts';
import { api, LONG } from '../lib/api.ts';
import { askToken } from '../lib/auth.ts';
import { count, duration, peerName, plural } from '../lib/format.ts';
import { announcement, nodeNow, peers, refresh, status } from '../lib/live.ts';
import { useResource } from '../lib/resource.ts';
import type { Peer, Series, Status } from '../lib/types.ts';
import { Badge, Card, Empty, Loading, Note, Problem, Show } from '../ui/parts.tsx';
import { LungState } from '../ui/peer-parts.tsx';
import { Transitions } from '../ui/transitions.tsx';

/** Period of reading the series, which the node keeps for one hour in steps of five seconds. */
const SERIES_EVERY_MS = 5000;
const SHOWN_TRANSITIONS = 100;
const MAX_REASON = 200;

const MODES: readonly (readonly [mode: Status['mode'], what: string])[] = [
  ['auto', 'each peer over the lung that carries it'],
  ['p2p', 'P2P only, whatever becomes of it'],
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
          Compared: {count(now.result.converged.equal)} of {plural(now.result.converged.peers, 'peer')} equal.
        </p>
      )}
    </div>
  );
}

function Repairs({ all, now }: { readonly all: readonly Peer[]; readonly now: number }) {
  const running = all.filter((peer) => peer.repair !== undefined);
  if (running.length === 0) return <Empty>No repair runs.</Empty>;
  return (
    <ul class="rows">
      {running.map(({ repair, ...peer }) => {
        if (repair === undefined) return null;
        const done = repair.fetched + repair.pushed;
        return (
          <li key={peer.peerId} class="repair">
            <code>{peerName(peer)}</code>
            <span>
              over {repair.lung === 'p2p' ? 'P2P' : 'HTTP'} for {duration(Math.max(0, now - repair.since))}:{' '}
              {count(repair.fetched)} fetched, {count(repair.pushed)} pushed, {count(repair.remaining)} to go
              {repair.perSecond !== undefined && `, ${count(Math.round(repair.perSecond))}/s`}
            </span>
            <progress
              aria-label={`Repair with ${peerName(peer)}`}
              max={Math.max(1, done + repair.remaining)}
              value={done}
            />
          </li>
        );
      })}
    </ul>
  );
}

type Plots = FunctionComponent<{ readonly series: Series }>;

/** Loads the plots when they are shown, because the plotting library is the largest part of the dashboard. */
function PlotsLater({ series }: { readonly series: Series }) {
  const [Shown, setShown] = useState<Plots | undefined>();
  const [failed, setFailed] = useState(false);
  useEffect(() => {
    import('./plots.tsx').then(
      (module) => setShown(() => module.SeriesPlots),
      () => setFailed(true),
    );
  }, []);
  if (failed) return <Note tone="warn">The plots could not be loaded. Load the page again.</Note>;
  return Shown === undefined ? <Loading what="the plots" /> : <Shown series={series} />;
}

export function Sync() {
  const series = useResource('series', (call) => api.getSeries(call), { everyMs: SERIES_EVERY_MS, optional: true });
  const s = status.value;
  if (s === undefined) return null;
  return (
    <>
      <div class="grid two">
        <Card title="Mode">
          <ModeForm mode={s.mode} />
        </Card>
        <Card title="Lungs and repairs">
          <ul class="rows">
            <li>
              <strong>P2P</strong> <LungState status={s} lung="p2p" />
            </li>
            <li>
              <strong>HTTP</strong> <LungState status={s} lung="http" />
            </li>
          </ul>
          <Repairs all={peers.value} now={nodeNow.value} />
          <SyncNow />
        </Card>
      </div>
      <Card title="Throughput and latency, last hour">
        <Show of={series} what="measurements over time">
          {(data) =>
            data.items.length === 0 ? (
              <Empty>The first step of five seconds is not over yet.</Empty>
            ) : (
              <PlotsLater series={data} />
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
