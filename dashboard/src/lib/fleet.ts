import { computed } from '@preact/signals';
import { tail } from './format.ts';
import { peers, status } from './live.ts';
import type { Member, Peer } from './types.ts';

/** Another node: what the verdict says of it, where it is expected, and what else is known of it. */
export interface Other {
  /** By which the page's addresses name it: its author, or its URL where nobody has proven to answer there. */
  readonly id: string;
  readonly label: string;
  readonly member: Member | undefined;
  readonly peer: Peer | undefined;
}

const idOf = (node: { readonly author?: string; readonly peerId?: string; readonly url?: string }): string =>
  node.author ?? node.peerId ?? node.url ?? '';

const byLabel = (a: Other, b: Other): number => a.label.localeCompare(b.label, 'en', { numeric: true });

/** Every other node, the expected ones first, by name. Nodes keep their place whatever happens to them. */
export const others = computed<readonly Other[]>(() => {
  const known = new Map(peers.value.map((peer) => [idOf(peer), peer]));
  const expected = (status.value?.verdict.members ?? []).map((member): Other => {
    const id = idOf(member);
    return { id, label: member.label, member, peer: known.get(id) };
  });
  const ids = new Set(expected.map(({ id }) => id));
  const met = peers.value
    .filter((peer) => !ids.has(idOf(peer)))
    .map((peer): Other => ({ id: idOf(peer), label: peer.label, member: undefined, peer }));
  return [...expected.toSorted(byLabel), ...met.toSorted(byLabel)];
});

/** What people call each node, by its author, its peer id and its URL. */
const labels = computed<ReadonlyMap<string, string>>(() => {
  const found = new Map<string, string>();
  for (const { label, member, peer } of others.value)
    for (const id of [member?.url, peer?.url, member?.peerId, peer?.peerId, member?.author, peer?.author])
      if (id !== undefined) found.set(id, label);
  const self = status.value;
  if (self !== undefined) for (const id of [self.peerId, self.author]) found.set(id, self.name);
  return found;
});

/** What people call the node of an author, peer id or URL: the end of the id where no name is known. */
export const labelOf = (id: string): string => labels.value.get(id) ?? tail(id);

/** What the verdict says of the node of an author, peer id or URL. */
export const memberOf = (id: string): Member | undefined =>
  others.value.find(({ member, peer }) =>
    [member?.author, member?.peerId, member?.url, peer?.author, peer?.peerId, peer?.url].includes(id),
  )?.member;

/** Whether the verdict's member was heard within the grace. */
export const isHeard = ({ agreement }: Member): boolean =>
  agreement === 'equal' || agreement === 'differs' || agreement === 'equal-as-of';
