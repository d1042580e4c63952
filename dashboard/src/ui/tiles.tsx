import type { ComponentChildren } from 'preact';
import { isHeard } from '../lib/fleet.ts';
import { count, duration, plural, sinceTime } from '../lib/format.ts';
import { nodeNow } from '../lib/live.ts';
import { linkTo } from '../lib/router.ts';
import type { Series, Status } from '../lib/types.ts';
import { readOnlyWords } from '../lib/verdict-words.ts';
import { Badge } from './parts.tsx';
import { LungState } from './peer-parts.tsx';
import { Sparkline } from './sparkline.tsx';

/** Names of silent nodes that a tile lists. The table has all of them. */
const MAX_NAMED = 2;

interface TileProps {
  readonly label: string;
  readonly children: ComponentChildren;
  readonly line: ComponentChildren;
}

function Tile({ label, children, line }: TileProps) {
  return (
    <section class="tile" aria-label={label}>
      <h2 class="label">{label}</h2>
      {children}
      {line}
    </section>
  );
}

function NodesUp({ status: s, series }: TilesProps) {
  const { members } = s.verdict;
  const silent = members.filter((member) => !isHeard(member));
  const all = members.length + 1;
  const named = silent
    .slice(0, MAX_NAMED)
    .map(({ label, lastHeardAt }) =>
      lastHeardAt === undefined
        ? `${label}, never heard`
        : `${label}, not heard since ${sinceTime(lastHeardAt, nodeNow.value)}`,
    );
  const more = silent.length - named.length;
  return (
    <Tile
      label="Nodes up"
      line={<Sparkline values={series.map((i) => i.heard + 1)} most={all} label={`Nodes up, ${spanOf(series)}`} />}
    >
      <strong class="figure">
        {count(all - silent.length)} of {count(all)}
      </strong>
      <span class="aside">
        {members.length === 0
          ? 'no other node is expected'
          : silent.length === 0
            ? 'every node is heard'
            : `${named.join('; ')}${more > 0 ? ` and ${count(more)} more` : ''}`}
      </span>
    </Tile>
  );
}

function Lungs({ status: s, series }: TilesProps) {
  const carried = (lung: 'p2p' | 'http'): number => s.verdict.members.filter((member) => member.lung === lung).length;
  return (
    <Tile
      label="Lungs"
      line={
        <Sparkline
          values={series.map((i) => i.gossipBytesIn + i.gossipBytesOut + i.httpBytesIn + i.httpBytesOut)}
          label={`Bytes over both lungs, ${spanOf(series)}`}
        />
      }
    >
      {(['p2p', 'http'] as const).map((lung) => (
        <span key={lung} class="lung">
          <strong>{lung === 'p2p' ? 'P2P' : 'HTTP'}</strong>{' '}
          <LungState status={s} lung={lung} carried={carried(lung)} />
        </span>
      ))}
      {s.mode !== 'auto' && <span class="aside">by hand: mode {s.mode}</span>}
    </Tile>
  );
}

function Writes({ status: s, series }: TilesProps) {
  return (
    <Tile
      label="Writes"
      line={<Sparkline values={series.map((i) => i.changes)} label={`Keys changed, ${spanOf(series)}`} />}
    >
      {s.writable ? <Badge tone="ok">Accepted</Badge> : <Badge tone="bad">Read-only</Badge>}
      <span class="aside">
        {s.writable ? '' : `${readOnlyWords(s.readOnlyReasons.map(({ code }) => code))}; `}
        <a href={linkTo('state')}>{plural(s.live, 'key')}</a>
      </span>
    </Tile>
  );
}

function Conflicts({ status: s, series }: TilesProps) {
  return (
    <Tile
      label="Conflicts"
      line={<Sparkline values={series.map((i) => i.conflicts)} label={`Conflicts, ${spanOf(series)}`} />}
    >
      <strong class="figure">{count(s.conflicts)}</strong>
      <span class="aside">{s.conflicts === 0 ? 'nothing to resolve' : <a href={linkTo('conflicts')}>Resolve</a>}</span>
    </Tile>
  );
}

/** The time that a series covers, in words. */
function spanOf(series: Series['items']): string {
  const [first, last] = [series[0], series.at(-1)];
  return first === undefined || last === undefined || last.at === first.at
    ? 'since a moment ago'
    : `last ${duration(last.at - first.at)}`;
}

export interface TilesProps {
  readonly status: Status;
  /** Empty until they are read, or where the node does not tell them. */
  readonly series: Series['items'];
}

/** What the verdict does not tell: who is up, what carries them, whether writes are taken, what is to be resolved. */
export function Tiles(props: TilesProps) {
  return (
    <div class="tiles">
      <NodesUp {...props} />
      <Lungs {...props} />
      <Writes {...props} />
      <Conflicts {...props} />
    </div>
  );
}
