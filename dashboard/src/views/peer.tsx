import { useState } from 'preact/hooks';
import { type Action, useAction } from '../lib/action.ts';
import { api, LONG } from '../lib/api.ts';
import { askToken } from '../lib/auth.ts';
import { isHeard, type Other } from '../lib/fleet.ts';
import { bytes, clockOffset, count, duration, plural, short, sinceTime } from '../lib/format.ts';
import { lost, nodeNow } from '../lib/live.ts';
import { linkTo } from '../lib/router.ts';
import type { Differences, Peer, PingResult, Status } from '../lib/types.ts';
import { readOnlyWords } from '../lib/verdict-words.ts';
import { AgreementBadge } from '../ui/fleet-table.tsx';
import { Ago, Badge, Card, Copyable, Facts, KeyText, Problem } from '../ui/parts.tsx';
import { LungBadge, RepairCell } from '../ui/peer-parts.tsx';
import { Transitions } from '../ui/transitions.tsx';
import { AddedAddress } from './fleet.tsx';

const MAX_TRANSITIONS = 50;
/** Differing keys that are read at most. More would not help to find what is wrong. */
const MAX_KEYS = 100;

const idOf = (peer: Peer): string => peer.peerId ?? peer.url ?? '';

function Ping({ peer }: { readonly peer: Peer }) {
  const ping: Action<PingResult['results']> = useAction(async () => {
    if ((await askToken('to ping a peer')) === undefined) return undefined;
    return (await api.pingPeer(idOf(peer), LONG)).results;
  });
  return (
    <div>
      <button type="button" onClick={ping.run} disabled={ping.busy}>
        {ping.busy ? 'Pinging…' : 'Ping over both lungs'}
      </button>
      {ping.missing && <p class="aside">Not available on this node: its version cannot ping on demand.</p>}
      {ping.problem !== undefined && <Problem problem={ping.problem} />}
      {ping.result?.map((r) => (
        <p key={r.lung}>
          <Badge tone={r.ok ? 'ok' : 'bad'}>{r.lung === 'p2p' ? 'P2P' : 'HTTP'}</Badge>{' '}
          {r.ok ? (r.rttMs === undefined ? 'answered' : duration(r.rttMs)) : (r.error ?? 'no answer')}
        </p>
      ))}
    </div>
  );
}

const SIDES = {
  ours: 'only here or newer here',
  theirs: 'only there or newer there',
  both: 'different on both',
} as const;

function WhatDiffers({ peer }: { readonly peer: Peer }) {
  const [at, setAt] = useState<number | undefined>();
  const look: Action<Differences> = useAction(async () => {
    if ((await askToken('to compare with a peer')) === undefined) return undefined;
    const found = await api.getDifferences(peer.peerId ?? '', { limit: MAX_KEYS, ...LONG });
    setAt(Date.now());
    return found;
  });
  if (peer.peerId === undefined) return null;
  return (
    <div>
      <button type="button" onClick={look.run} disabled={look.busy}>
        {look.busy ? 'Comparing…' : 'Show which keys differ'}
      </button>
      {look.missing && <p class="aside">Not available on this node: its version does not name the keys.</p>}
      {look.problem !== undefined && <Problem problem={look.problem} />}
      {look.result !== undefined && (
        <div class="scroll" tabIndex={0} role="region" aria-label="Keys that differ">
          <table class="plain">
            <caption>
              {look.result.keys.length === 0
                ? 'No key differed at the time of the comparison.'
                : `${plural(look.result.keys.length, 'key')}${look.result.complete ? '' : ' of more'}, found by ${look.result.method}.`}{' '}
              {at !== undefined && <Ago at={at} />}
            </caption>
            {look.result.keys.length > 0 && (
              <>
                <thead>
                  <tr>
                    <th scope="col">Key</th>
                    <th scope="col">Where</th>
                  </tr>
                </thead>
                <tbody>
                  {look.result.keys.map((k) => (
                    <tr key={k.keyHash}>
                      <td>
                        {k.key === undefined ? (
                          <span class="aside">key hash {short(k.keyHash)}: the key's name is not known here</span>
                        ) : (
                          <a href={linkTo('state', { key: k.key })}>
                            <KeyText text={k.key} />
                          </a>
                        )}
                      </td>
                      <td>{SIDES[k.side]}</td>
                    </tr>
                  ))}
                </tbody>
              </>
            )}
          </table>
        </div>
      )}
    </div>
  );
}

/** A link to the page that another node serves of itself, where its URL is one that a browser can open. */
function OwnPage({ other }: { readonly other: Other }) {
  const url = other.member?.url ?? other.peer?.url;
  if (url === undefined || !/^https?:/.test(url)) return null;
  return (
    <a href={`${url.replace(/\/+$/, '')}/dashboard/`} rel="noreferrer">
      Its own dashboard
    </a>
  );
}

function Condition({ other }: { readonly other: Other }) {
  const { member, peer } = other;
  const heard = member !== undefined && isHeard(member);
  return (
    <Card title={other.label} actions={<OwnPage other={other} />}>
      <Facts
        items={[
          [
            'Expected',
            member === undefined ? 'no: it is neither trusted nor configured, and its writes do not count' : 'yes',
          ],
          ...(member === undefined
            ? []
            : [
                ['State against this node', <AgreementBadge key="agreement" member={member} />] as const,
                ['Lung', <LungBadge key="lung" lung={member.lung} />] as const,
                [
                  'Last heard',
                  member.lastHeardAt === undefined ? (
                    'never'
                  ) : heard ? (
                    <Ago key="heard" at={member.lastHeardAt} />
                  ) : (
                    `not since ${sinceTime(member.lastHeardAt, nodeNow.value)}`
                  ),
                ] as const,
                ...(member.error === undefined ? [] : [['Why not', member.error] as const]),
                [
                  'Writes',
                  !heard
                    ? 'not known'
                    : member.readOnly === undefined
                      ? 'accepted'
                      : `refused: ${readOnlyWords(member.readOnly)}`,
                ] as const,
              ]),
          ['Clock', heard && peer?.clockOffsetMs !== undefined ? clockOffset(peer.clockOffsetMs) : 'not known'],
          ['Version', peer?.software ?? 'not told'],
          ['Repair', peer === undefined ? 'none yet' : <RepairCell key="repair" peer={peer} />],
        ]}
      />
    </Card>
  );
}

function lastRepairText(last: NonNullable<Peer['lastRepair']>): string {
  return `${last.outcome} over ${last.lung === 'p2p' ? 'P2P' : 'HTTP'} in ${duration(last.durationMs)}: ${plural(last.found, 'key')} found, ${count(last.fetched)} fetched, ${count(last.pushed)} pushed, ${count(last.refused)} refused; ${plural(last.requests, 'request')}, ${bytes(last.bytesSent)} sent, ${bytes(last.bytesReceived)} received${last.error === undefined ? '' : `; ${last.error}`}`;
}

function Connection({ other, status: s }: { readonly other: Other; readonly status: Status }) {
  const { member, peer } = other;
  const peerId = member?.peerId ?? peer?.peerId;
  const author = member?.author ?? peer?.author;
  const heard = member !== undefined && isHeard(member);
  return (
    <Card title="Identity and connection">
      <Facts
        items={[
          ['Peer id', peerId === undefined ? 'has not proven who it is' : <Copyable text={peerId} label="peer id" />],
          ...(author === undefined
            ? []
            : [['Public key', <Copyable key="author" text={author} label="public key" />] as const]),
          ...(peer?.url === undefined ? [] : [['URL', peer.url] as const]),
          ...(peer?.alternatives === undefined ? [] : [['Also at', peer.alternatives.join(', ')] as const]),
          ...(heard && peer?.root !== undefined
            ? [['Its root', <Copyable key="root" text={peer.root} label="root of the other node" />] as const]
            : []),
          [
            'Trust list',
            peer?.trustMatches === undefined
              ? 'not told'
              : peer.trustMatches
                ? 'the same as ours'
                : 'another one than ours',
          ],
          ['Heard over P2P', peer?.p2p.lastHeardAt === undefined ? 'never' : <Ago at={peer.p2p.lastHeardAt} />],
          [
            'Heard over HTTP',
            peer?.http.lastHeardAt === undefined ? (peer?.http.error ?? 'never') : <Ago at={peer.http.lastHeardAt} />,
          ],
          ['Round trip over P2P', !heard || peer?.p2p.rttMs === undefined ? 'not known' : duration(peer.p2p.rttMs)],
          ...(peer?.announces === undefined ? [] : [['Says it is at', peer.announces.join(' ')] as const]),
          ['Push stream', peer?.http.streaming === true ? 'open' : 'none'],
          ...(peer?.lastRepair === undefined ? [] : [['Last repair', lastRepairText(peer.lastRepair)] as const]),
        ]}
      />
      {peer?.addedAs !== undefined && (
        <ul class="rows">
          {peer.addedAs.map((address) => (
            <AddedAddress key={address} address={address} node={other.id} />
          ))}
        </ul>
      )}
      <p class="aside">
        Root of {s.name}: <code title={s.root}>{short(s.root)}</code>
      </p>
    </Card>
  );
}

/** The page of another node: how it stands, how it is connected, and what can be tried with it. */
export function PeerPage({ other, status: s }: { readonly other: Other; readonly status: Status }) {
  const { peer } = other;
  const ids = new Set([other.id, peer?.peerId, peer?.author, peer?.url]);
  return (
    <>
      <p>
        <a href={linkTo('fleet')}>All nodes</a>
      </p>
      <div class="grid two">
        <Condition other={other} />
        <Connection other={other} status={s} />
      </div>
      {peer !== undefined && (
        <Card title="Try it">
          <div class="buttons">
            <Ping peer={peer} />
            <WhatDiffers peer={peer} />
          </div>
          {lost.value && <p class="aside">This needs the node that serves the page, which does not answer.</p>}
        </Card>
      )}
      <Card title="Its transitions">
        <Transitions
          items={s.transitions.filter((t) => t.peer !== undefined && ids.has(t.peer))}
          limit={MAX_TRANSITIONS}
        />
      </Card>
    </>
  );
}
