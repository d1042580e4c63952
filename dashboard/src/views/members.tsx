import { useId, useState } from 'preact/hooks';
import type { ChangeRequest } from '../../../src/client/index.ts';
import { useAction } from '../lib/action.ts';
import { api } from '../lib/api.ts';
import { askToken } from '../lib/auth.ts';
import { isHeard, memberOf } from '../lib/fleet.ts';
import { plural } from '../lib/format.ts';
import { announcement, nodeNow, status } from '../lib/live.ts';
import { useResource } from '../lib/resource.ts';
import type { Roster } from '../lib/types.ts';
import { Changes } from '../ui/changes.tsx';
import { FloorCard } from '../ui/floor.tsx';
import { Invitations, InviteForm } from '../ui/invitations.tsx';
import { Ago, Badge, Card, Copyable, Facts, Heads, NodeName, Note, Problem, Show, When } from '../ui/parts.tsx';
import { SetAsideCard } from '../ui/set-aside.tsx';

const EVERY_MS = 3_000;
type RosterMember = Roster['members'][number];

/** What can be asked for a member, what it does, and whether it cannot be undone. */
interface Deed {
  readonly button: string;
  readonly question: string;
  readonly grave: boolean;
  /** Whether it needs the public key under which the member goes on. */
  readonly takesKey?: true;
  readonly request: (author: string, to: string) => ChangeRequest;
}

const DEEDS: Readonly<Record<'promote' | 'retire' | 'rotate' | 'remove' | 'leave' | 'drop', Deed>> = {
  promote: {
    button: 'Make it a writer',
    question: 'It then writes, votes and attests. A writer more needs votes more, so it should be there and equal.',
    grave: false,
    request: (author) => ({ kind: 'promote', author }),
  },
  retire: {
    button: 'Retire',
    question:
      'What it writes until a minute after the decision counts, and nothing later. A key that has left never returns.',
    grave: true,
    request: (author) => ({ kind: 'retire', author }),
  },
  rotate: {
    button: 'Rotate its key',
    question:
      'The member goes on under this public key, and the old one retires. Make the key on that node: lattice members rotate does all of it there.',
    grave: true,
    takesKey: true,
    request: (author, to) => ({ kind: 'rotate', author, to }),
  },
  remove: {
    button: 'Remove',
    question:
      'For a key in the wrong hands: nothing that it signs later than the newest cut counts, and what came later is taken out, even if it was acknowledged. Who goes in peace is retired. A key that has left never returns.',
    grave: true,
    request: (author) => ({ kind: 'remove', author }),
  },
  leave: {
    button: 'Remove',
    question: 'It leaves the fleet, and is sent nothing any more. A key that has left never returns.',
    grave: true,
    request: (author) => ({ kind: 'remove', author }),
  },
  drop: {
    button: 'Drop',
    question:
      'It leaves the roster for good and cannot sync any more. What it wrote up to its end stays. The floor has to be later than that end.',
    grave: true,
    request: (author) => ({ kind: 'drop', author }),
  },
};

function deedsOf({ role, self }: RosterMember): readonly (keyof typeof DEEDS)[] {
  if (role === 'retired') return ['drop'];
  // Somebody else asks for the removal of a key that is stolen: the node that has it may be the thief's.
  const away = self ? [] : [role === 'writer' ? ('remove' as const) : ('leave' as const)];
  return role === 'writer' ? ['retire', 'rotate', ...away] : ['promote', 'retire', ...away];
}

/** A button that asks for a change of a member once its question has been answered. */
function Ask({ member, deed, done }: { readonly member: string; readonly deed: Deed; readonly done: () => void }) {
  const id = useId();
  const [asking, setAsking] = useState(false);
  const [to, setTo] = useState('');
  const ask = useAction(async () => {
    if ((await askToken('to change the members')) === undefined) return undefined;
    const change = await api.members.propose(deed.request(member, to.trim()));
    announcement.value = `Asked for: ${change.text}`;
    setAsking(false);
    setTo('');
    done();
    return change;
  }, false);
  if (!asking)
    return (
      <>
        <button type="button" class="small" onClick={() => setAsking(true)}>
          {deed.button}
        </button>
        {ask.result !== undefined && <span class="aside">{ask.result.why}</span>}
      </>
    );
  return (
    <form
      class="ask"
      aria-label={deed.button}
      onSubmit={(event) => {
        event.preventDefault();
        ask.run();
      }}
    >
      <p>{deed.question}</p>
      {deed.takesKey === true && (
        <>
          <label for={id}>The new public key, 64 hex digits</label>
          <input
            id={id}
            type="text"
            value={to}
            required
            pattern="\s*[0-9a-f]{64}\s*"
            spellcheck={false}
            autocomplete="off"
            onInput={(event) => setTo(event.currentTarget.value)}
          />
        </>
      )}
      <div class="buttons">
        <button type="submit" class={deed.grave ? 'danger' : 'primary'} disabled={ask.busy}>
          {ask.busy ? 'Asking…' : `Yes: ${deed.button.toLowerCase()}`}
        </button>
        <button type="button" onClick={() => setAsking(false)}>
          Cancel
        </button>
      </div>
      {ask.problem !== undefined && <Problem problem={ask.problem} />}
    </form>
  );
}

const ROLE_TONES = { writer: 'ok', mirror: 'info', retired: 'mute', removed: 'bad', 'left out': 'warn' } as const;

/** A key that was removed was in the wrong hands, and one that was left out by force may run on: neither went in peace. */
const roleOf = ({ role, how }: RosterMember): keyof typeof ROLE_TONES =>
  how === 'removed' ? 'removed' : how === 'forced' ? 'left out' : role;

function Standing({ member }: { readonly member: RosterMember }) {
  if (member.self) return <Badge tone="info">This node</Badge>;
  const known = memberOf(member.author);
  if (member.until !== undefined && member.until < nodeNow.value) return <span class="aside">stopped</span>;
  if (known?.lastHeardAt === undefined) return <Badge tone="bad">Never heard</Badge>;
  if (!isHeard(known))
    return (
      <>
        <Badge tone="bad">Not heard</Badge>{' '}
        <span class="aside">
          since <When at={known.lastHeardAt} />
        </span>
      </>
    );
  return (
    <>
      <Badge tone="ok">Heard</Badge> <Ago at={known.lastHeardAt} />
    </>
  );
}

const HEADS = ['Member', 'Role', 'Heard', 'Says it is at', 'Changes'] as const;

function MemberRow({ member, done }: { readonly member: RosterMember; readonly done: () => void }) {
  const cells = [
    <>
      <Badge tone={ROLE_TONES[roleOf(member)]}>{roleOf(member)}</Badge>
      {member.until !== undefined && (
        <span class="aside">
          {' '}
          counts up to <When at={member.until} />
        </span>
      )}
    </>,
    <Standing member={member} />,
    member.urls.length + member.multiaddrs.length === 0 ? (
      <span class="aside">nothing</span>
    ) : (
      <ul class="plain-list">
        {[...member.urls, ...member.multiaddrs].map((address) => (
          <li key={address}>
            <code class="wrap">{address}</code>
          </li>
        ))}
      </ul>
    ),
    deedsOf(member).length === 0 ? undefined : (
      <div class="buttons">
        {deedsOf(member).map((deed) => (
          <Ask key={deed} member={member.author} deed={DEEDS[deed]} done={done} />
        ))}
      </div>
    ),
  ];
  return (
    <tr>
      <th scope="row" data-label={HEADS[0]}>
        <span>
          {member.name === '' ? <NodeName id={member.author} /> : <span title={member.peerId}>{member.name}</span>}
        </span>
      </th>
      {cells.map((cell, i) => (
        <td key={HEADS[i + 1]} data-label={HEADS[i + 1]}>
          <div>{cell}</div>
        </td>
      ))}
    </tr>
  );
}

function RosterTable({ roster, done }: { readonly roster: Roster; readonly done: () => void }) {
  const { members, epoch, hash, certify, start, abstains, warnings } = roster;
  const writers = members.filter(({ role }) => role === 'writer').length;
  return (
    <>
      {abstains !== undefined && (
        <Note tone="warn" title="This node takes no part in decisions.">
          <p>{abstains}</p>
        </Note>
      )}
      {warnings.map(({ code, text }) => (
        <Note key={code + text} tone="warn">
          <p>{text}</p>
        </Note>
      ))}
      <table class="stack">
        <caption class="unseen">Members of the roster of epoch {epoch}</caption>
        <thead>
          <Heads of={HEADS} />
        </thead>
        <tbody>
          {members.map((member) => (
            <MemberRow key={member.author} member={member} done={done} />
          ))}
        </tbody>
      </table>
      <Facts
        items={[
          ['Epoch', epoch === 0 ? '0, the configured list: nothing has been decided yet' : String(epoch)],
          ...(epoch === 0 ? [] : [['In force since', <When at={start} />] as const]),
          ['A change needs', `${plural(Math.floor(writers / 2) + 1, 'approval')} of ${plural(writers, 'writer')}`],
          ['Cuts are certified by', certify === 'majority' ? 'a majority' : 'two thirds'],
          ['Roster', <Copyable text={hash} label="hash of the roster" />],
        ]}
      />
    </>
  );
}

export function MembersView() {
  const roster = useResource('members', (call) => api.members.roster(call), { everyMs: EVERY_MS, optional: true });
  const changes = useResource('changes', (call) => api.members.changes(call), { everyMs: EVERY_MS, optional: true });
  const invitations = useResource('invitations', (call) => api.members.invitations(call), {
    everyMs: EVERY_MS,
    withToken: true,
    optional: true,
  });
  const s = status.value;
  if (s === undefined) return null;
  const done = (): void => {
    roster.reload();
    changes.reload();
    invitations.reload();
  };
  return (
    <>
      <Card title="Who belongs to the fleet">
        <Show of={roster} what="the members">
          {(data) => <RosterTable roster={data} done={done} />}
        </Show>
      </Card>
      <Card title="Changes that wait">
        <Show of={changes} what="the changes of the members">
          {(data) => <Changes changes={data} self={s.author} done={done} />}
        </Show>
      </Card>
      <FloorCard />
      <SetAsideCard />
      <div class="grid two">
        <Card title="Invite a node">
          <InviteForm status={s} roster={roster.state === 'ready' ? roster.data : undefined} done={done} />
        </Card>
        <Card title="Invitations of this node">
          <Show of={invitations} what="the invitations">
            {(data) => <Invitations invitations={data} done={done} />}
          </Show>
        </Card>
      </div>
    </>
  );
}
