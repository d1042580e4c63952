import { useState } from 'preact/hooks';
import { type Action, useAction } from '../lib/action.ts';
import { api, LONG } from '../lib/api.ts';
import { askToken } from '../lib/auth.ts';
import { bytes, count, duration, peerName, plural, short } from '../lib/format.ts';
import { peers, status } from '../lib/live.ts';
import { linkTo } from '../lib/router.ts';
import type { Differences, Peer, PingResult, Status } from '../lib/types.ts';
import { isMember, isSilent } from '../lib/verdict.ts';
import { FleetMap } from '../ui/fleet-map.tsx';
import { Ago, Badge, Card, Copyable, Empty, Facts, Problem } from '../ui/parts.tsx';
import { AgreementBadge, LungBadge, RepairCell } from '../ui/peer-parts.tsx';

/** Differing keys that are read at most. More would not help to find what is wrong. */
const MAX_KEYS = 100;

const idOf = (peer: Peer): string => peer.peerId ?? peer.url ?? '';

function differing(peer: Peer, root: string): string {
  if (isSilent(peer)) return '–';
  if (peer.agreement === 'equal' && peer.root === root) return '0';
  if (peer.differing === undefined) return 'not counted';
  return `${peer.differing.exact ? '' : '≈ '}${count(peer.differing.keys)}`;
}

function Row({
  peer,
  root,
  open,
  toggle,
}: {
  readonly peer: Peer;
  readonly root: string;
  readonly open: boolean;
  readonly toggle: () => void;
}) {
  const rtt = peer.p2p.rttMs;
  return (
    <tr>
      <th scope="row" data-label="Peer">
        <button type="button" class="link-button" aria-expanded={open} onClick={toggle} title={idOf(peer)}>
          <code>{peerName(peer)}</code>
        </button>
        {!isMember(peer) && <span class="aside"> not trusted</span>}
        {peer.added === true && <span class="aside"> added</span>}
        {peer.url !== undefined && peer.peerId !== undefined && (
          <span class="aside block">{peer.url.replace(/^https?:\/\//, '')}</span>
        )}
      </th>
      <td data-label="Lung">
        <LungBadge lung={peer.lung} />
      </td>
      <td data-label="RTT" class="number">
        {rtt === undefined ? '–' : duration(rtt)}
      </td>
      <td data-label="Root">
        <AgreementBadge peer={peer} root={root} />
      </td>
      <td data-label="Since">{peer.agreementSince === undefined ? '–' : <Ago at={peer.agreementSince} />}</td>
      <td data-label="Keys that differ" class="number">
        {differing(peer, root)}
      </td>
      <td data-label="Last repair">
        <RepairCell peer={peer} />
      </td>
    </tr>
  );
}

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
                            <code class="wrap">{k.key}</code>
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

function PeerDetail({ peer, status: s }: { readonly peer: Peer; readonly status: Status }) {
  const last = peer.lastRepair;
  return (
    <Card title={`Peer ${peerName(peer)}`} class="detail">
      <Facts
        items={[
          [
            'Peer id',
            peer.peerId === undefined ? 'has not proven who it is' : <Copyable text={peer.peerId} label="peer id" />,
          ],
          ...(peer.url === undefined ? [] : [['URL', peer.url] as const]),
          ...(peer.alternatives === undefined ? [] : [['Also at', peer.alternatives.join(', ')] as const]),
          ['Its root', peer.root === undefined ? 'not told' : <Copyable text={peer.root} label="peer's root" />],
          ['Our root', <Copyable key="ours" text={s.root} label="our root" />],
          ['Trusted', peer.trusted ? 'yes' : 'no: its commits do not count'],
          ['Same trust list', peer.trustMatches === undefined ? 'not told' : peer.trustMatches ? 'yes' : 'no'],
          ['Heard over P2P', peer.p2p.lastHeardAt === undefined ? 'never' : <Ago at={peer.p2p.lastHeardAt} />],
          [
            'Heard over HTTP',
            peer.http.lastHeardAt === undefined ? (peer.http.error ?? 'never') : <Ago at={peer.http.lastHeardAt} />,
          ],
          ['Push stream', peer.http.streaming ? 'open' : 'none'],
          ['Software', peer.software ?? 'not told'],
          [
            'Clock against ours',
            peer.clockOffsetMs === undefined
              ? 'not told'
              : `${peer.clockOffsetMs > 0 ? '+' : ''}${Math.round(peer.clockOffsetMs)} ms`,
          ],
          ...(last === undefined
            ? []
            : [
                [
                  'Last repair',
                  `${last.outcome} over ${last.lung === 'p2p' ? 'P2P' : 'HTTP'} in ${duration(last.durationMs)}: ${plural(last.found, 'key')} found, ${count(last.fetched)} fetched, ${count(last.pushed)} pushed, ${count(last.refused)} refused; ${plural(last.requests, 'request')}, ${bytes(last.bytesSent)} sent, ${bytes(last.bytesReceived)} received${last.error === undefined ? '' : `; ${last.error}`}`,
                ] as const,
              ]),
        ]}
      />
      <div class="buttons">
        <Ping peer={peer} />
        <WhatDiffers peer={peer} />
      </div>
    </Card>
  );
}

export function Peers() {
  const [open, setOpen] = useState<string | undefined>();
  const s = status.value;
  if (s === undefined) return null;
  const all = peers.value;
  const chosen = all.find((peer) => idOf(peer) === open);
  if (all.length === 0) {
    return (
      <Card>
        <Empty>
          This node knows no peer. Name others in <code>DIOTEC360_LATTICE_NODES</code> or{' '}
          <code>DIOTEC360_P2P_BOOTSTRAP</code>.
        </Empty>
      </Card>
    );
  }
  return (
    <>
      <Card title="Map">
        <FleetMap status={s} peers={all} />
      </Card>
      <Card>
        <table class="stack">
          <caption>
            <h2>{plural(all.length, 'peer')}</h2>
          </caption>
          <thead>
            <tr>
              <th scope="col">Peer</th>
              <th scope="col">Lung</th>
              <th scope="col" class="number">
                RTT
              </th>
              <th scope="col">Root</th>
              <th scope="col">Since</th>
              <th scope="col" class="number">
                Keys that differ
              </th>
              <th scope="col">Last repair</th>
            </tr>
          </thead>
          <tbody>
            {all.map((peer) => (
              <Row
                key={idOf(peer)}
                peer={peer}
                root={s.root}
                open={idOf(peer) === open}
                toggle={() => setOpen((old) => (old === idOf(peer) ? undefined : idOf(peer)))}
              />
            ))}
          </tbody>
        </table>
      </Card>
      {chosen !== undefined && <PeerDetail key={open} peer={chosen} status={s} />}
    </>
  );
}
