import { api } from '../lib/api.ts';
import { others } from '../lib/fleet.ts';
import { bytes, count, duration, plural } from '../lib/format.ts';
import { nodeNow, status } from '../lib/live.ts';
import { useResource } from '../lib/resource.ts';
import { linkTo, parameters } from '../lib/router.ts';
import type { ConfigItem, Resources, Status } from '../lib/types.ts';
import { Badge, Card, Copyable, Empty, Facts, NodeName, Show, When } from '../ui/parts.tsx';
import { PeerPage } from './peer.tsx';

const RESOURCES_EVERY_MS = 5000;

function Identity({ status: s }: { readonly status: Status }) {
  return (
    <Card title="Identity">
      <Facts
        items={[
          ['Name', s.name],
          ['Role', s.role === '' ? 'not set' : s.role],
          ['Version', s.version],
          ['Network', s.network],
          ['Peer id', <Copyable key="peer" text={s.peerId} label="peer id" />],
          ['Public key', <Copyable key="key" text={s.author} label="public key" />],
          ['Incarnation', <code key="inc">{s.incarnation}</code>],
          [
            'Started',
            <span key="up">
              <When at={s.startedAt} />{' '}
              <span class="aside">(up for {duration(Math.max(0, nodeNow.value - s.startedAt))})</span>
            </span>,
          ],
        ]}
      />
    </Card>
  );
}

function Network({ status: s }: { readonly status: Status }) {
  return (
    <Card title="Network and trust">
      <Facts
        items={[
          ['Topic', s.p2p.topic],
          [
            'Listens on',
            s.p2p.listen.length === 0
              ? 'nothing'
              : s.p2p.listen.map((address) => <Copyable key={address} text={address} label="address" />),
          ],
          ['Roster', <Copyable key="hash" text={s.trust.hash} label="hash of the roster" />],
        ]}
      />
      <details>
        <summary>{plural(s.trust.authors.length, 'trusted author')}</summary>
        <ul class="plain-list">
          {s.trust.authors.map((author) => (
            <li key={author}>
              <NodeName id={author} /> <Copyable text={author} label="trusted key" />
            </li>
          ))}
        </ul>
      </details>
    </Card>
  );
}

interface MeterProps {
  readonly label: string;
  readonly value: number | undefined;
  readonly max: number | undefined;
  readonly text: string;
}

function Meter({ label, value, max, text }: MeterProps) {
  if (value === undefined || max === undefined) return null;
  return (
    <div class="meter">
      <span class="label">{label}</span>
      <meter aria-label={label} min={0} max={Math.max(1, max)} value={value} />
      <span class="aside">{text}</span>
    </div>
  );
}

function ResourcesView({ data }: { readonly data: Resources }) {
  const { disk, memory, eventLoop, cpu, descriptors } = data;
  const used =
    disk.totalBytes === undefined || disk.freeBytes === undefined ? undefined : disk.totalBytes - disk.freeBytes;
  return (
    <>
      <div class="meters">
        <Meter
          label="Disk"
          value={used}
          max={disk.totalBytes}
          text={`${bytes(disk.freeBytes)} free of ${bytes(disk.totalBytes)}`}
        />
        <Meter
          label="Heap"
          value={memory['heapUsed']}
          max={memory['heapTotal']}
          text={`${bytes(memory['heapUsed'])} of ${bytes(memory['heapTotal'])}`}
        />
        <Meter label="CPU" value={cpu.percent} max={100} text={`${Math.round(cpu.percent)} % of one core`} />
      </div>
      <Facts
        items={[
          ['Store', bytes(disk.storeBytes)],
          [
            'State directory',
            <code key="path" class="wrap">
              {disk.path}
            </code>,
          ],
          ['Resident memory', bytes(memory['rss'])],
          ['External and buffers', `${bytes(memory['external'])}, ${bytes(memory['arrayBuffers'])}`],
          [
            'Event loop delay',
            `p50 ${duration(eventLoop.p50Ms)}, p99 ${duration(eventLoop.p99Ms)}, most ${duration(eventLoop.maxMs)}`,
          ],
          ...(descriptors === undefined
            ? []
            : [['File descriptors', `${descriptors.open} of ${descriptors.limit}`] as const]),
          ['Runs on', `Node ${data.node.replace(/^v/, '')}, ${data.platform}`],
        ]}
      />
    </>
  );
}

/** Adds the unit to a number. The unit of any other value only names a kind of text, such as a path. */
const valueText = ({ value, unit }: ConfigItem): string =>
  value === '' ? '(empty)' : unit !== undefined && /^\d+$/.test(value) ? `${value} ${unit}` : value;

function ConfigTable({ items }: { readonly items: readonly ConfigItem[] }) {
  if (items.length === 0) return <Empty>This node names no settings.</Empty>;
  return (
    <table class="stack config">
      <caption class="unseen">Settings of this node, without secrets</caption>
      <thead>
        <tr>
          <th scope="col">Name</th>
          <th scope="col">Value</th>
          <th scope="col">From</th>
        </tr>
      </thead>
      <tbody>
        {items.map((item) => (
          <tr key={item.name}>
            <th scope="row" data-label="Name">
              <code>{item.name}</code>
              <span class="aside block">{item.help}</span>
            </th>
            <td data-label="Value">
              <span class="wrap">{valueText(item)}</span>
              {item.secret && <span class="aside"> (secret)</span>}
            </td>
            <td data-label="From">
              {item.source === 'default' ? (
                <span class="aside">default</span>
              ) : (
                <Badge tone="info">{item.source}</Badge>
              )}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** Refused commits and those that wait, which are about the state as a whole and not about one other node. */
const admission = (s: Status): readonly (readonly [string, string])[] => [
  [
    'Refused since the start',
    Object.keys(s.refused).length === 0
      ? 'nothing'
      : Object.entries(s.refused)
          .map(([reason, n]) => `${count(n)} ${reason}`)
          .join(', '),
  ],
  ['Commits that wait for their time', count(s.deferred)],
];

/** This node, or another one that the address names. */
export function NodeView() {
  const id = parameters.value.get('id');
  const s = status.value;
  if (s === undefined) return null;
  if (id === null || id === s.author) return <ThisNode status={s} />;
  const other = others.value.find((one) => one.id === id || one.peer?.peerId === id || one.member?.peerId === id);
  if (other !== undefined) return <PeerPage key={other.id} other={other} status={s} />;
  return (
    <Card>
      <Empty>
        This node knows no node <code class="wrap">{id}</code>. <a href={linkTo('fleet')}>All nodes</a>
      </Empty>
    </Card>
  );
}

function ThisNode({ status: s }: { readonly status: Status }) {
  const resources = useResource('resources', (call) => api.getResources(call), {
    everyMs: RESOURCES_EVERY_MS,
    optional: true,
  });
  const config = useResource('config', (call) => api.getConfig(call), { withToken: true, optional: true });
  return (
    <>
      <div class="grid two">
        <Identity status={s} />
        <Network status={s} />
      </div>
      <div class="grid two">
        <Card title="Disk, memory, event loop">
          <Show of={resources} what="its resources">
            {(data) => <ResourcesView data={data} />}
          </Show>
        </Card>
        <Card title="State">
          <Facts
            items={[
              ['Keys', count(s.live)],
              ['Tombstones', count(s.entries - s.live)],
              ['Conflicts', count(s.conflicts)],
              ['Durable batches', count(s.sequence)],
              ...admission(s),
              ['Root', <Copyable key="root" text={s.root} label="root" />],
              ...(s.integrity === undefined
                ? []
                : [
                    [
                      'Integrity',
                      `${count(s.integrity.checked)} of ${count(s.integrity.total)} entries checked`,
                    ] as const,
                  ]),
              [
                'API',
                <a key="docs" href="../docs">
                  Reference
                </a>,
              ],
            ]}
          />
        </Card>
      </div>
      <Card title="Configuration">
        <Show of={config} what="its configuration">
          {(data) => <ConfigTable items={data} />}
        </Show>
      </Card>
    </>
  );
}
