import { useId, useState } from 'preact/hooks';
import { bundledCrypto } from '../../../src/audit/index.ts';
import { invitedTo, localOnly, writeInvitation } from '../../../src/client/invitation-line.ts';
import { bytesToHex } from '../../../src/core/types/bytes.ts';
import { useAction } from '../lib/action.ts';
import { api } from '../lib/api.ts';
import { askToken } from '../lib/auth.ts';
import { labelOf } from '../lib/fleet.ts';
import { announcement } from '../lib/live.ts';
import type { Invitation, Roster, Status } from '../lib/types.ts';
import { Badge, Copyable, Empty, Note, Problem, When } from './parts.tsx';

/** The longest name that the roster takes, in characters; it bounds the bytes itself. */
const MAX_NAME = 64;
const TTL_MS = 3_600_000;
const NODE_URL = new URL('..', document.baseURI).href.replace(/\/+$/, '');

/** Makes an invitation on this node and shows the line once: the secret in it never leaves the page by itself. */
export function InviteForm(props: {
  readonly status: Status;
  readonly roster: Roster | undefined;
  readonly done: () => void;
}) {
  const { status, roster } = props;
  const id = useId();
  const [name, setName] = useState('');
  const [role, setRole] = useState<'writer' | 'mirror'>('writer');
  const invite = useAction(async () => {
    if (roster === undefined || (await askToken('to invite a node')) === undefined) return undefined;
    const secret = crypto.getRandomValues(new Uint8Array(32));
    const secretHash = bytesToHex(bundledCrypto().hasher.hash(secret));
    const { expires } = await api.members.invite({ secretHash, name: name.trim(), role, ttlMs: TTL_MS });
    const self = roster.members.find((member) => member.self);
    announcement.value = `${name} is invited`;
    setName('');
    props.done();
    const nodes = invitedTo({
      peerId: status.peerId,
      announced: self?.urls ?? [],
      atHand: NODE_URL,
      multiaddrs: self?.multiaddrs ?? [],
    });
    const line = writeInvitation({
      network: status.network,
      epoch: roster.epoch,
      hash: roster.hash,
      secret: bytesToHex(secret),
      expires,
      name: name.trim(),
      role,
      nodes,
    });
    return { line, expires, local: localOnly(nodes) };
  }, false);
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        invite.run();
      }}
    >
      <label for={id}>What the node is to be called</label>
      <input
        id={id}
        type="text"
        value={name}
        required
        maxLength={MAX_NAME}
        spellcheck={false}
        autocomplete="off"
        onInput={(event) => setName(event.currentTarget.value)}
      />
      <fieldset class="choices">
        <legend>What it becomes</legend>
        {(['writer', 'mirror'] as const).map((one) => (
          <label key={one} class="choice">
            <input type="radio" name={`${id}-role`} checked={role === one} onChange={() => setRole(one)} />
            <span>{one === 'writer' ? 'a writer, once it has the whole state' : 'a mirror, which never writes'}</span>
          </label>
        ))}
      </fieldset>
      <div class="buttons">
        <button type="submit" class="primary" disabled={invite.busy || roster === undefined}>
          {invite.busy ? 'Inviting…' : 'Invite'}
        </button>
        <span class="aside">This node then approves it. The other writers that are needed approve it above.</span>
      </div>
      {invite.problem !== undefined && <Problem problem={invite.problem} />}
      {invite.result !== undefined && (
        <Note tone="ok" title="Run this on the new machine:">
          <Copyable text={`lattice join '${invite.result.line}' --dir DIRECTORY`} label="command" />
          <p>
            Whoever has the line can ask, until <When at={invite.result.expires} />: send it by a safe way. It is shown
            this once.
          </p>
          {invite.result.local.length > 0 && (
            <p>
              <strong>
                It names {invite.result.local.join(' and ')}, where only a newcomer on the node’s own machine reaches
                it.
              </strong>{' '}
              For another machine set <code>DIOTEC360_ANNOUNCE</code> on this node, or open this page at the address at
              which the newcomer reaches the node, and invite again.
            </p>
          )}
        </Note>
      )}
    </form>
  );
}

const STAGES = {
  open: { tone: 'info', text: 'open' },
  used: { tone: 'info', text: 'somebody has asked' },
  done: { tone: 'ok', text: 'joined' },
  expired: { tone: 'mute', text: 'expired' },
} as const;

function InvitationRow({ invitation, done }: { readonly invitation: Invitation; readonly done: () => void }) {
  const { id, name, role, stage, expires, author } = invitation;
  const remove = useAction(async () => {
    if ((await askToken('to take an invitation back')) === undefined) return undefined;
    await api.members.uninvite(id);
    announcement.value = `The invitation of ${name} is taken back`;
    done();
    return true;
  }, false);
  return (
    <li>
      <strong class="wrap">{name}</strong> <span class="aside">as a {role}</span>
      <Badge tone={STAGES[stage].tone}>{STAGES[stage].text}</Badge>
      {stage === 'open' && (
        <span class="aside">
          until <When at={expires} />
        </span>
      )}
      {author !== undefined && <code title={author}>{labelOf(author)}</code>}
      <button
        type="button"
        class="small"
        disabled={remove.busy}
        onClick={remove.run}
        aria-label={`Take back the invitation of ${name}`}
      >
        {remove.busy ? 'Taking back…' : 'Take back'}
      </button>
      {remove.problem !== undefined && <Problem problem={remove.problem} />}
    </li>
  );
}

export function Invitations(props: { readonly invitations: readonly Invitation[]; readonly done: () => void }) {
  if (props.invitations.length === 0) return <Empty>Nobody is invited.</Empty>;
  return (
    <ul class="rows">
      {props.invitations.map((invitation) => (
        <InvitationRow key={invitation.id} invitation={invitation} done={props.done} />
      ))}
    </ul>
  );
}
