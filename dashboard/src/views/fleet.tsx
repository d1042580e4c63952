import { useId, useState } from 'preact/hooks';
import { useAction } from '../lib/action.ts';
import { api } from '../lib/api.ts';
import { askToken } from '../lib/auth.ts';
import { others } from '../lib/fleet.ts';
import { announcement, refresh, status } from '../lib/live.ts';
import { useResource } from '../lib/resource.ts';
import { FleetMap, isTelling } from '../ui/fleet-map.tsx';
import { FleetTable, Strangers } from '../ui/fleet-table.tsx';
import { Card, Empty, NodeName, Note, Problem } from '../ui/parts.tsx';

const RESOURCES_EVERY_MS = 30_000;
/** The longest address that the API takes. */
const MAX_ADDRESS = 2048;

/** An address as the API takes it: what begins with a slash is a multiaddr. */
const addressOf = (text: string) => (text.startsWith('/') ? { multiaddr: text } : { url: text });

function AddNode() {
  const id = useId();
  const [text, setText] = useState('');
  const add = useAction(async () => {
    const address = text.trim();
    if (address === '' || (await askToken('to add a node')) === undefined) return undefined;
    const added = await api.addPeer(addressOf(address));
    announcement.value = added ? `${address} is added` : `${address} is known already`;
    setText('');
    refresh();
    return { address, added };
  });
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        add.run();
      }}
    >
      <label for={id}>URL of its API, or its multiaddr</label>
      <input
        id={id}
        type="text"
        value={text}
        maxLength={MAX_ADDRESS}
        required
        spellcheck={false}
        autocomplete="off"
        placeholder="https://oslo.example or /dns4/oslo.example/tcp/9000/p2p/12D3Koo…"
        onInput={(event) => setText(event.currentTarget.value)}
      />
      <div class="buttons">
        <button type="submit" class="primary" disabled={add.busy}>
          {add.busy ? 'Adding…' : 'Add'}
        </button>
        <span class="aside">
          This node then connects to it, also after a restart. Its writes count only if it is a member.
        </span>
      </div>
      {add.problem !== undefined && <Problem problem={add.problem} />}
      {add.result !== undefined && (
        <Note tone={add.result.added ? 'ok' : 'info'}>
          <p class="wrap">
            {add.result.address} {add.result.added ? 'is added.' : 'is known already.'}
          </p>
        </Note>
      )}
    </form>
  );
}

/** One address that an operator added, and the button that removes it. */
export function AddedAddress({ address, node }: { readonly address: string; readonly node: string }) {
  const remove = useAction(async () => {
    if ((await askToken('to remove a node')) === undefined) return undefined;
    await api.removePeer(addressOf(address));
    announcement.value = `${address} is removed`;
    refresh();
    return true;
  }, false);
  return (
    <li>
      <NodeName id={node} />
      <code class="wrap aside">{address}</code>
      <button type="button" class="small" disabled={remove.busy} onClick={remove.run} aria-label={`Remove ${address}`}>
        {remove.busy ? 'Removing…' : 'Remove'}
      </button>
      {remove.problem !== undefined && <Problem problem={remove.problem} />}
    </li>
  );
}

function Added() {
  const added = others.value.flatMap(({ id, peer }) => (peer?.addedAs ?? []).map((address) => ({ id, address })));
  if (added.length === 0) {
    return <Empty>No node was added here. Those of the configuration are removed there.</Empty>;
  }
  return (
    <ul class="rows">
      {added.map(({ id, address }) => (
        <AddedAddress key={address} address={address} node={id} />
      ))}
    </ul>
  );
}

export function FleetView() {
  const resources = useResource('resources', (call) => api.getResources(call), {
    everyMs: RESOURCES_EVERY_MS,
    optional: true,
  });
  const s = status.value;
  if (s === undefined) return null;
  const all = others.value;
  return (
    <>
      <Card>
        <FleetTable status={s} others={all} resources={resources.state === 'ready' ? resources.data : undefined} />
        <Strangers others={all} />
      </Card>
      {isTelling(s.verdict.members) && (
        <Card title="Who is reached how">
          <FleetMap status={s} members={s.verdict.members} />
        </Card>
      )}
      <div class="grid two">
        <Card title="Add a node">
          <AddNode />
        </Card>
        <Card title="Nodes added here">
          <Added />
        </Card>
      </div>
    </>
  );
}
