import type { Node } from '../../support/fleet.ts';
import { laterFleet, setAside } from '../../support/set-aside.ts';
import { eventually } from '../../support/wait.ts';
import type { Rig } from './rig.ts';

const NAMES = ['cairo', 'lima', 'oslo', 'rome'];
const [CAIRO, OSLO, ROME] = [0, 2, 3];

/** Asks for a change of the members, which that node approves. */
async function propose(node: Node, change: Readonly<Record<string, string>>): Promise<string> {
  const asked = await node.api.send('POST', '/api/v1/members/changes', { body: change });
  if (asked.status !== 201) throw new Error(`the change was answered ${asked.status}: ${asked.text}`);
  return (asked.json() as { readonly id: string }).id;
}

const approve = (node: Node, id: string): Promise<boolean> =>
  eventually(`${node.name} approves`, async () => {
    const { status } = await node.api.send('POST', `/api/v1/members/changes/${id}/approve`);
    return status === 200;
  });

/** A member comes as a mirror, a change waits for approvals, a key retires: none of it keeps roots from being equal. */
export async function members(rig: Rig): Promise<void> {
  const fleet = await rig.fleet('members', { nodes: 4, names: NAMES, start: [] });
  const [first, second, third, fourth] = fleet.nodes as [Node, Node, Node, Node];
  const founders = [first, second, third].map(({ author }) => author).join(',');
  for (const node of fleet.nodes) node.configure({ TRUSTED_STATE_PUBKEYS: founders });
  await Promise.all(fleet.nodes.map((node) => node.start()));
  await first.api.put('greeting', 'hello');
  const cairo = rig.view('members', fleet, CAIRO);
  const mirror = { kind: 'add', author: fourth.author, name: fourth.name, role: 'mirror' };
  await approve(second, await propose(first, mirror));
  await Promise.all([
    rig.holds('A mirror, seen from another node', cairo),
    rig.holds('A mirror, seen from the node itself', rig.view('members', fleet, ROME)),
  ]);

  const retirement = await propose(first, { kind: 'retire', author: third.author });
  await rig.holds('A change of the members that waits for approvals', cairo);
  await approve(second, retirement);
  await fleet.status(OSLO, 'its end has come', ({ writable }) => !writable, 150_000);
  await Promise.all([
    rig.holds('A node whose key is retired, seen from another node', cairo),
    rig.holds('A node whose key is retired, seen from the node itself', rig.view('members', fleet, OSLO)),
  ]);
}

/** A node from an old backup, whose keys were deleted so long ago that the deletions have left the others. */
export async function aside(rig: Rig): Promise<void> {
  const later = laterFleet();
  const fleet = await rig.fleet('aside', { names: NAMES.slice(0, 3), surroundings: later.surroundings });
  await setAside(fleet, later, ['gone']);
  await rig.holds('Operations that were set aside', rig.view('aside', fleet, OSLO));
}
