import { bytes, count, duration, peerName, plural } from '../lib/format.ts';
import { nodeNow, peers, status, verdict } from '../lib/live.ts';
import { linkTo } from '../lib/router.ts';
import type { Peer, Status } from '../lib/types.ts';
import { isMember, isSilent, lagOf, type Verdict } from '../lib/verdict.ts';
import { FleetMap } from '../ui/fleet-map.tsx';
import { Ago, Badge, Card, Copyable, Empty, Facts, Note, When } from '../ui/parts.tsx';
import { AgreementBadge, HealthBadge, healthText, LungBadge, LungState } from '../ui/peer-parts.tsx';
import { verdictTone } from '../ui/shell.tsx';
import { Transitions } from '../ui/transitions.tsx';

const VERDICT_SIGN = { converged: '=', different: '≠', unknown: '?' } as const;

/** Reasons that are shown at most. When a large fleet falls apart, fifty reasons tell no more than a few. */
const MAX_REASONS = 8;
const SHOWN_TRANSITIONS = 7;

function VerdictCard({ verdict: v, status: s }: { readonly verdict: Verdict; readonly status: Status }) {
  const more = v.reasons.length - MAX_REASONS;
  return (
    <section class={`card verdict ${verdictTone(v.kind)}`} aria-labelledby="verdict">
      <span class="verdict-sign" aria-hidden="true">
        {VERDICT_SIGN[v.kind]}
      </span>
      <div class="verdict-text">
        <h2 id="verdict">{v.title}</h2>
        <p>{v.summary}</p>
        {v.reasons.length > 0 && (
          <ul>
            {v.reasons.slice(0, MAX_REASONS).map((reason) => (
              <li key={reason}>{reason}</li>
            ))}
            {more > 0 && <li>and {plural(more, 'more peer')}</li>}
          </ul>
        )}
        {s.cuts?.convergedAsOf !== undefined && (
          <p class="aside">
            Converged as of <When at={s.cuts.convergedAsOf} />: a quorum of trusted nodes signed this node's root of
            that time.
          </p>
        )}
        {(s.cuts?.disagreeing ?? []).slice(0, MAX_REASONS).map((d) => (
          <p key={d.author}>
            Author {d.author.slice(0, 8)} signed another root as of <When at={d.at} />.
          </p>
        ))}
      </div>
      <div class="verdict-root">
        <span class="label">Root of this node</span>
        <Copyable text={s.root} label="root" />
      </div>
    </section>
  );
}

function Tiles({ status: s, members }: { readonly status: Status; readonly members: readonly Peer[] }) {
  const lag = lagOf(members, nodeNow.value);
  return (
    <div class="tiles">
      <div class="tile">
        <span class="label">Health</span>
        <HealthBadge health={s.health} />
        <span class="aside">{healthText(s.health)}</span>
      </div>
      <div class="tile">
        <span class="label">P2P lung</span>
        <span>
          <LungState status={s} lung="p2p" />
        </span>
      </div>
      <div class="tile">
        <span class="label">HTTP lung</span>
        <span>
          <LungState status={s} lung="http" />
        </span>
      </div>
      <div class="tile">
        <span class="label">Carries the node</span>
        <strong class="figure">{s.syncMode}</strong>
        <span class="aside">mode {s.mode}</span>
      </div>
      <div class="tile">
        <span class="label">Equal roots</span>
        <strong class="figure">
          {count(members.filter((peer) => !isSilent(peer) && peer.root === s.root).length)} of {count(members.length)}
        </strong>
        <span class="aside">peers at this moment</span>
      </div>
      <div class="tile">
        <span class="label">Lag</span>
        <strong class="figure">{lag === undefined ? '–' : `≤ ${duration(Math.max(1000, lag))}`}</strong>
        <span class="aside">{lag === undefined ? 'no peer is carried' : 'since the slowest peer was heard'}</span>
      </div>
      <div class="tile">
        <span class="label">Converged as of</span>
        {s.cuts?.convergedAsOf === undefined ? (
          <>
            <strong class="figure">–</strong>
            <span class="aside">
              {s.cuts === undefined ? 'not available on this node' : (s.cuts.lagging ?? 'no cut with a quorum yet')}
            </span>
          </>
        ) : (
          <>
            <strong class="figure">
              <Ago at={s.cuts.convergedAsOf} />
            </strong>
            <span class="aside">
              <When at={s.cuts.convergedAsOf} />
            </span>
          </>
        )}
      </div>
      <div class="tile">
        <span class="label">Keys</span>
        <strong class="figure">{count(s.live)}</strong>
        <span class="aside">{plural(s.entries - s.live, 'tombstone')}</span>
      </div>
      <div class="tile">
        <span class="label">Conflicts</span>
        <strong class="figure">{count(s.conflicts)}</strong>
        <span class="aside">
          {s.conflicts === 0 ? 'nothing to decide' : <a href={linkTo('conflicts')}>decide them</a>}
        </span>
      </div>
      <div class="tile">
        <span class="label">Writes</span>
        {s.writable ? <Badge tone="ok">Accepted</Badge> : <Badge tone="bad">Read-only</Badge>}
        <span class="aside">{plural(s.sequence, 'batch', 'batches')} durable</span>
      </div>
    </div>
  );
}

/** Shows the first MAX_REASONS peers with the root of each. */
function Members({ members, root }: { readonly members: readonly Peer[]; readonly root: string }) {
  return (
    <ul class="rows members">
      {members.slice(0, MAX_REASONS).map((peer) => (
        <li key={peer.peerId ?? peer.url}>
          <code title={peer.peerId}>{peerName(peer)}</code>
          <LungBadge lung={peer.lung} />
          <AgreementBadge peer={peer} root={root} />
          <span class="aside">{peer.agreementSince !== undefined && <Ago at={peer.agreementSince} />}</span>
        </li>
      ))}
      {members.length > MAX_REASONS && (
        <li>
          <a href={linkTo('peers')}>and {count(members.length - MAX_REASONS)} more</a>
        </li>
      )}
    </ul>
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
            {count(bootstrap.chunks.done)} of {count(bootstrap.chunks.total)} chunks, {plural(bootstrap.entries, 'key')}
            , {bytes(bootstrap.bytes)}
            {bootstrap.verified !== undefined &&
              `; ${count(bootstrap.verified.done)} of ${count(bootstrap.verified.total)} signatures checked`}
            {bootstrap.error !== undefined && `; ${bootstrap.error}`}
          </p>
          <progress aria-label="Bootstrap" max={Math.max(1, bootstrap.chunks.total)} value={bootstrap.chunks.done} />
        </Note>
      )}
      {integrity !== undefined && (
        <Note tone="info" title="The store is being checked">
          <p>
            {count(integrity.checked)} of {count(integrity.total)} entries are verified since the start.
          </p>
        </Note>
      )}
    </>
  );
}

export function Overview() {
  const s = status.value;
  const v = verdict.value;
  if (s === undefined || v === undefined) return null;
  const members = peers.value.filter(isMember);
  const refused = Object.values(s.refused).reduce((sum, n) => sum + n, 0);
  return (
    <>
      <VerdictCard verdict={v} status={s} />
      {s.readOnlyReasons.map(({ code, text }) => (
        <Note key={code} tone="bad" title="Read-only">
          <p>{text}</p>
        </Note>
      ))}
      {s.warnings.map(({ text }) => (
        <Note key={text} tone="warn">
          <p>{text}</p>
        </Note>
      ))}
      <Underway status={s} />
      <Tiles status={s} members={members} />
      <div class="grid two">
        <div class="column">
          <Card title="Fleet" actions={<a href={linkTo('peers')}>All peers</a>}>
            {members.length === 0 ? (
              <Empty>No other node is configured or trusted.</Empty>
            ) : (
              <>
                <FleetMap status={s} peers={peers.value} />
                <Members members={members} root={s.root} />
              </>
            )}
          </Card>
          <Card title="Admission">
            <Facts
              items={[
                ['Trusted authors', count(s.trust.authors.length)],
                [
                  'Refused since start',
                  refused === 0
                    ? 'none'
                    : Object.entries(s.refused)
                        .map(([reason, n]) => `${count(n)} ${reason}`)
                        .join(', '),
                ],
                ['Waiting for their time', count(s.deferred)],
                ['Up for', duration(Math.max(0, nodeNow.value - s.startedAt))],
              ]}
            />
          </Card>
        </div>
        <Card title="Latest transitions" actions={<a href={linkTo('sync')}>Timeline</a>}>
          <Transitions items={s.transitions} limit={SHOWN_TRANSITIONS} />
        </Card>
      </div>
    </>
  );
}
