import type { ComponentChildren } from 'preact';
import { isHeard, type Other } from '../lib/fleet.ts';
import { bytes, clockOffset, count, plural, short, sinceTime } from '../lib/format.ts';
import { nodeNow } from '../lib/live.ts';
import { linkTo } from '../lib/router.ts';
import type { Member, Peer, Resources, Status } from '../lib/types.ts';
import { readOnlyWords } from '../lib/verdict-words.ts';
import { Ago, Badge, Empty, Heads } from './parts.tsx';
import { LungBadge } from './peer-parts.tsx';

/** How the state of an expected node compares with this one's, as the verdict has it. */
export function AgreementBadge({ member }: { readonly member: Member }) {
  const { agreement, asOf, differing } = member;
  const at = (time: number): string => sinceTime(time, nodeNow.value);
  switch (agreement) {
    case 'equal':
      return <Badge tone="ok">Equal</Badge>;
    case 'equal-as-of':
      return <Badge tone="ok">{asOf === undefined ? 'Equal' : `Equal as of ${at(asOf)}`}</Badge>;
    case 'differs':
      return <Badge tone="bad">{differing === undefined ? 'Differs' : `Differs: ${plural(differing, 'key')}`}</Badge>;
    case 'not-heard':
      return <Badge tone="warn">Not known</Badge>;
    case 'never-heard':
      return <Badge tone="warn">Never heard</Badge>;
  }
}

function Writes({ member }: { readonly member: Member }) {
  if (member.serves === false) return <Badge tone="info">Takes over the state</Badge>;
  if (member.readOnly === undefined) return <Badge tone="ok">Accepted</Badge>;
  return (
    <>
      <Badge tone="bad">Read-only</Badge> <span class="aside">{readOnlyWords(member.readOnly)}</span>
    </>
  );
}

/** What is not known of a node that is not heard: old figures would contradict that. Also what no node has of itself. */
const Unknown = () => (
  <span class="aside">
    <span aria-hidden="true">–</span>
    <span class="unseen">not known</span>
  </span>
);

interface RowProps {
  readonly name: ComponentChildren;
  /** Those of HEADS after the name. An absent one is not known. */
  readonly cells: readonly (ComponentChildren | undefined)[];
  readonly self?: boolean;
}

function Row({ name, cells, self = false }: RowProps) {
  return (
    <tr class={self ? 'self' : ''}>
      <th scope="row" data-label="Node">
        <span>{name}</span>
      </th>
      {cells.map((cell, i) => (
        <td key={HEADS[i + 1]} data-label={HEADS[i + 1]} class={cell === undefined ? 'unknown' : ''}>
          {cell === undefined ? <Unknown /> : <span>{cell}</span>}
        </td>
      ))}
    </tr>
  );
}

const HEADS = ['Node', 'Lung', 'Root', 'Last heard', 'Clock', 'Version', 'Disk', 'Writes'] as const;

function SelfRow({ status: s, resources }: { readonly status: Status; readonly resources: Resources | undefined }) {
  return (
    <Row
      self
      name={
        <>
          <a href={linkTo('node')} title={s.peerId}>
            {s.name}
          </a>{' '}
          <span class="aside">this node</span>
        </>
      }
      cells={[
        undefined,
        <code title={`root ${s.root}`}>{short(s.root, 6)}</code>,
        undefined,
        undefined,
        s.version,
        resources?.disk.freeBytes === undefined ? undefined : `${bytes(resources.disk.freeBytes)} free`,
        s.writable ? (
          <Badge tone="ok">Accepted</Badge>
        ) : (
          <>
            <Badge tone="bad">Read-only</Badge>{' '}
            <span class="aside">{readOnlyWords(s.readOnlyReasons.map(({ code }) => code))}</span>
          </>
        ),
      ]}
    />
  );
}

function MemberRow({ other, member }: { readonly other: Other; readonly member: Member }) {
  const heard = isHeard(member);
  const { peer } = other;
  const offset = peer?.clockOffsetMs;
  return (
    <Row
      name={
        <a href={linkTo('node', { id: other.id })} title={member.peerId ?? member.url}>
          {other.label}
        </a>
      }
      cells={[
        <>
          <LungBadge lung={member.lung} />
          {peer?.repair !== undefined && <span class="aside"> repairs, {count(peer.repair.remaining)} to go</span>}
        </>,
        <AgreementBadge member={member} />,
        member.lastHeardAt === undefined ? (
          <span class="aside">never</span>
        ) : heard ? (
          <Ago at={member.lastHeardAt} />
        ) : (
          <span class="bad-text">not since {sinceTime(member.lastHeardAt, nodeNow.value)}</span>
        ),
        heard && offset !== undefined ? clockOffset(offset) : undefined,
        peer?.software === undefined ? undefined : versionOf(peer.software),
        heard ? member.readOnly?.includes('disk') === true ? <Badge tone="bad">Full</Badge> : 'has room' : undefined,
        heard ? <Writes member={member} /> : undefined,
      ]}
    />
  );
}

/** The version in the name of a program: that after the slash. */
const versionOf = (software: string): string => software.split('/').at(-1) ?? software;

/** Every node of the fleet as this one sees it, itself first. Each name leads to the page of its node. */
export function FleetTable(props: {
  readonly status: Status;
  readonly others: readonly Other[];
  readonly resources: Resources | undefined;
}) {
  const { status, others, resources } = props;
  const members = others.flatMap((other) => (other.member === undefined ? [] : { other, member: other.member }));
  return (
    <>
      <table class="stack fleet">
        <caption class="unseen">Nodes of the fleet as {status.name} sees them</caption>
        <thead>
          <Heads of={HEADS} />
        </thead>
        <tbody>
          <SelfRow status={status} resources={resources} />
          {members.map(({ other, member }) => (
            <MemberRow key={other.id} other={other} member={member} />
          ))}
        </tbody>
      </table>
      {members.length === 0 && (
        <Empty>No other node is expected: neither the roster nor the configuration names one.</Empty>
      )}
    </>
  );
}

/** How a node that is not expected came to be known, and what is wrong with it. */
function standing(peer: Peer | undefined): string {
  const how = peer?.added === true ? 'added here' : peer?.configured === true ? 'configured' : 'met on the network';
  const who = peer?.peerId === undefined ? 'no node has answered there yet' : 'it is no member';
  return `${how}; ${peer?.http.error === undefined ? who : `${who}: ${peer.http.error}`}`;
}

/** Nodes and addresses that are known, but that are not expected: their writes do not count. */
export function Strangers({ others }: { readonly others: readonly Other[] }) {
  const known = others.filter(({ member }) => member === undefined);
  if (known.length === 0) return null;
  return (
    <section aria-labelledby="strangers">
      <h2 id="strangers">Known, but not of this fleet</h2>
      <ul class="rows">
        {known.map(({ id, label, peer }) => (
          <li key={id}>
            <a href={linkTo('node', { id })} title={peer?.peerId}>
              {label}
            </a>
            <span class="aside wrap">{standing(peer)}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}
