import { isHeard } from '../lib/fleet.ts';
import { plural, tail } from '../lib/format.ts';
import type { Member, Status } from '../lib/types.ts';

const WIDTH = 440;
/** Height of the drawing. One or two peers are drawn beside this node, more are drawn around it. */
const heightFor = (peers: number): number => (peers <= 2 ? 120 : 300);
const CENTRE_X = WIDTH / 2;
/** Peers on one ring. More would touch each other, so further ones are drawn on a second ring and on a third. */
const RING = 18;
/** Names are drawn for at most this many peers, because more would cover each other. The table has all names. */
const NAMED = 12;
/** Peers that are drawn at most. The table shows every peer. */
const MAX_SHOWN = 96;

const LUNG_CLASS = { p2p: 'via-p2p', http: 'via-http', none: 'via-none' } as const;

type Mark = { readonly sign: string; readonly kind: 'equal' | 'differs' | 'silent' };

function markOf(member: Member): Mark {
  if (!isHeard(member)) return { sign: '?', kind: 'silent' };
  return member.agreement === 'differs' ? { sign: '≠', kind: 'differs' } : { sign: '=', kind: 'equal' };
}

/** Whether a map tells more than the table: in a half-blocked network, some are reached by one lung, some by the other. */
export const isTelling = (members: readonly Member[]): boolean =>
  members.some(({ lung }) => lung === 'p2p') && members.some(({ lung }) => lung === 'http');

/** The place of the i-th of n peers, on one of up to three rings. */
function place(i: number, n: number, centreY: number): { readonly x: number; readonly y: number } {
  const rings = n <= RING ? 1 : n <= 3 * RING ? 2 : 3;
  const ring = i % rings;
  const onRing = Math.ceil((n - ring) / rings);
  const scale = rings === 1 ? 0.78 : 0.5 + (0.38 * ring) / (rings - 1);
  const angle =
    (2 * Math.PI * Math.floor(i / rings)) / onRing +
    (ring * Math.PI) / onRing -
    Math.PI / 2 +
    (n <= 2 ? Math.PI / 2 : 0);
  return {
    x: CENTRE_X + Math.cos(angle) * CENTRE_X * scale * 0.9,
    y: centreY + (n <= 2 ? 0 : Math.sin(angle) * centreY * scale * 0.95),
  };
}

function Key({ lung }: { readonly lung: Member['lung'] }) {
  return (
    <svg class={`key ${LUNG_CLASS[lung]}`} viewBox="0 0 22 2" aria-hidden="true">
      <line x1="0" y1="1" x2="22" y2="1" />
    </svg>
  );
}

/**
 * Draws the fleet as this node sees it: the node in the middle, a line for the lung that carries each peer, and a sign
 * for how the peer's root compares with the node's.
 */
export function FleetMap({ status, members: all }: { readonly status: Status; readonly members: readonly Member[] }) {
  const members = all.slice(0, MAX_SHOWN);
  const height = heightFor(members.length);
  const centreY = height / 2 - (members.length <= 2 ? 12 : 0);
  const shown = members.map((member, i) => ({
    member,
    mark: markOf(member),
    ...place(i, members.length, centreY),
  }));
  const by = (lung: Member['lung']): number => members.filter((member) => member.lung === lung).length;
  const equal = shown.filter(({ mark }) => mark.kind === 'equal').length;
  const label = `${status.name} and ${plural(members.length, 'other node')}: ${by('p2p')} over P2P, ${by('http')} over HTTP, ${by('none')} not reached; ${equal} with an equal root`;
  const radius = members.length > RING ? 8 : 14;
  return (
    <figure class="map">
      <svg viewBox={`0 0 ${WIDTH} ${height}`} role="img" aria-label={label}>
        {shown.map(({ member, x, y }) => (
          <line
            key={member.author ?? member.url}
            class={`link ${LUNG_CLASS[member.lung]}`}
            x1={CENTRE_X}
            y1={centreY}
            x2={x}
            y2={y}
          />
        ))}
        {shown.map(({ member, mark, x, y }) => (
          <g key={member.author ?? member.url} class={`dot ${mark.kind}`}>
            <circle cx={x} cy={y} r={radius} />
            <text x={x} y={y + radius * 0.36} class="sign" font-size={radius * 1.25}>
              {mark.sign}
            </text>
            {members.length <= NAMED && (
              <text x={x} y={y + (y < centreY - 20 ? -radius - 7 : radius + 15)} class="name">
                {member.label.length > 24 ? tail(member.label, 22) : member.label}
              </text>
            )}
          </g>
        ))}
        <g class="dot self">
          <circle cx={CENTRE_X} cy={centreY} r={20} />
          <text x={CENTRE_X} y={centreY + 4} class="sign" font-size="11">
            this
          </text>
          <text x={CENTRE_X} y={centreY + 36} class="name">
            {status.name.length > 24 ? tail(status.name, 22) : status.name}
          </text>
        </g>
      </svg>
      <figcaption class="legend">
        <span>
          <Key lung="p2p" /> P2P
        </span>
        <span>
          <Key lung="http" /> HTTP
        </span>
        <span>
          <Key lung="none" /> not reached
        </span>
        <span>= equal root</span>
        <span>≠ differs</span>
        <span>? not known</span>
      </figcaption>
    </figure>
  );
}
