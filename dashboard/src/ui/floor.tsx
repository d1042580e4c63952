import type { Floor } from '../../../src/client/index.ts';
import { api } from '../lib/api.ts';
import { count, duration, plural } from '../lib/format.ts';
import { useResource } from '../lib/resource.ts';
import { Ago, Badge, Card, Facts, Heads, NodeName, Note, Show, sentence, When } from './parts.tsx';

/** The floor moves every 10 s. */
const EVERY_MS = 5_000;

type Holder = Floor['holders'][number];

const HEADS = ['Writer', 'Why', 'Since', 'What to do'] as const;

function HolderRow({ holder: { author, label, self, text, since, next } }: { readonly holder: Holder }) {
  return (
    <tr>
      <th scope="row" data-label={HEADS[0]}>
        <span>{self ? `${label} (this node)` : <NodeName id={author} />}</span>
      </th>
      <td data-label={HEADS[1]}>
        <div>{sentence(text)}</div>
      </td>
      <td data-label={HEADS[2]}>
        <div>{since === undefined ? <span class="aside">not known here</span> : <When at={since} />}</div>
      </td>
      <td data-label={HEADS[3]}>
        <div>{sentence(next)}</div>
      </td>
    </tr>
  );
}

/** Who keeps the floor where it is. */
function Holders({ floor: { held, holders, due } }: { readonly floor: Floor }) {
  if (!held)
    return (
      <p>
        <Badge tone="ok">Nobody holds it back</Badge> <span class="aside">It follows within half a minute.</span>
      </p>
    );
  if (holders.length === 0)
    return (
      <Note title="It is not known yet who holds it back.">
        <p>This node has just started, and finds out within a minute.</p>
      </Note>
    );
  return (
    <>
      <Note
        tone="warn"
        title={`${plural(holders.length, 'writer')} ${holders.length === 1 ? 'holds' : 'hold'} it back.`}
      >
        <p>
          The cut of <When at={due} /> would be the floor. Meanwhile no write becomes final, and no deletion leaves the
          state.
        </p>
      </Note>
      <table class="stack">
        <caption class="unseen">Who holds the floor back</caption>
        <thead>
          <Heads of={HEADS} />
        </thead>
        <tbody>
          {holders.map((holder) => (
            <HolderRow key={holder.author} holder={holder} />
          ))}
        </tbody>
      </table>
    </>
  );
}

/** Members that are not known to collect: while there is one, nothing leaves the state anywhere. */
function WaitsFor({ collection: { waitsFor } }: Pick<Floor, 'collection'>) {
  if (waitsFor.length === 0) return null;
  return (
    <Note tone="warn" title="Deletions wait for these members.">
      <ul class="reasons">
        {waitsFor.map(({ label, text, next }) => (
          <li key={label}>
            <strong>{label}</strong>: {sentence(text)}
            <span class="next">Next: {sentence(next)}</span>
          </li>
        ))}
      </ul>
    </Note>
  );
}

function FloorFacts({ floor: { at, entries, epoch, collection } }: { readonly floor: Floor }) {
  const { closed, collected, collecting, keys, retentionMs } = collection;
  return (
    <Facts
      items={[
        [
          'Final up to',
          at === undefined ? (
            'nothing yet: no cut has been attested alike by all writers'
          ) : (
            <span>
              <When at={at} /> (<Ago at={at} />)
            </span>
          ),
        ],
        ...(entries === undefined ? [] : [['It holds', plural(entries, 'key')] as const]),
        ...(epoch === undefined || epoch === 0 ? [] : [['Attested by the writers of', `epoch ${epoch}`] as const]),
        ['Deletions stay for', duration(retentionMs)],
        [
          'Deletions have left up to',
          <span>
            {collected === undefined ? 'none has left yet' : <When at={collected} />}
            {keys > 0 && `, ${plural(keys, 'key')} since this node started`}
            {collecting && '; more are leaving now, and this node attests nothing meanwhile'}
          </span>,
        ],
        [
          'Closed up to',
          closed === undefined ? (
            'not closed: what is older is still taken'
          ) : (
            <span>
              <When at={closed} />: nothing older comes in any more
            </span>
          ),
        ],
      ]}
    />
  );
}

/** Where the floor stands, who holds it back, and how far deletions have left the state (SPEC FL4). */
export function FloorCard() {
  const floor = useResource('floor', (call) => api.getFloor(call), { everyMs: EVERY_MS, optional: true });
  return (
    <Card title="The floor: what all writers agree on">
      <Show of={floor} what="the floor">
        {(data) => (
          <>
            <Holders floor={data} />
            <WaitsFor collection={data.collection} />
            <FloorFacts floor={data} />
            {data.collection.setAside > 0 && (
              <p>
                <Badge tone="warn">{count(data.collection.setAside)} set aside</Badge>{' '}
                <span class="aside">They are listed below.</span>
              </p>
            )}
          </>
        )}
      </Show>
    </Card>
  );
}
