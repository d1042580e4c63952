import { beforeEach, describe, expect, it } from 'vitest';
import { bytesToHex } from '../../../../src/core/types/index.ts';
import { noteReachesUs, setConnected } from '../../../../src/runtime/peers/link.ts';
import { createPeerTable, type Peer, type PeerTable } from '../../../../src/runtime/peers/peers.ts';
import { RecentRoots } from '../../../../src/runtime/peers/recent-roots.ts';
import { beginRepair, endRepair, serve, waitUntil } from '../../../../src/runtime/peers/repairing.ts';
import { agreeExceptRefused } from '../../../../src/runtime/peers/view.ts';
import { repairDue } from '../../../../src/runtime/repair/due.ts';
import { createAuthor, createHandClock, type HandClock, type TestAuthor } from '../support.ts';

const [smaller, greater] = [createAuthor(1), createAuthor(2)].sort((a, b) => (a.author < b.author ? -1 : 1)) as [
  TestAuthor,
  TestAuthor,
];
const root = (n: number): Uint8Array => new Uint8Array(32).fill(n);
const OURS = bytesToHex(root(9));

let clock: HandClock;
let peers: PeerTable;
/** The one with the greater key: by itself it waits for nothing. */
let peer: Peer;
let sequence: number;

beforeEach(() => {
  clock = createHandClock();
  peers = createPeerTable(clock);
  peer = peers.ensure(greater.author) as Peer;
  sequence = 0;
});

/** The peer's head comes and is compared with our state. */
function hear(theirRoot: number, ours = OURS): void {
  const speaker = peer.author === greater.author ? greater : smaller;
  peers.hear(peer, speaker.head({ sequence: ++sequence, root: root(theirRoot) }), 'p2p', true);
  compare(ours);
}
const compare = (ours = OURS): void =>
  peers.compare(peer, { root: ours, recent: new RecentRoots(), seenHlc: 0n, trustHash: root(0) });

/** One repair has been; differences settle from here on. */
function settled(): void {
  beginRepair(peer.repair);
  endRepair(peer.repair);
}

/** Another node with the greater key than the peer looks at it. */
function besideSmaller(): void {
  peer = peers.ensure(smaller.author) as Peer;
}

const refusedLeft = (): void => agreeExceptRefused(peer.view, OURS, { now: clock.monotonic(), wall: clock.now() });

type Due = ReturnType<typeof repairDue>;

interface Case {
  readonly what: string;
  readonly arrange: () => void | Promise<void>;
  /** What is due so many ms after that. */
  readonly due: readonly (readonly [ms: number, due: Due])[];
}

async function dueAt(times: readonly number[]): Promise<Due[]> {
  const self = peer.author === greater.author ? smaller.author : greater.author;
  const from = clock.monotonic();
  const found: Due[] = [];
  for (const ms of times) {
    await clock.advance(from + ms - clock.monotonic());
    found.push(repairDue(peer, self, clock.monotonic()));
  }
  return found;
}

const cases = (group: readonly Case[]): void => {
  it.each(group)('$what', async ({ arrange, due }) => {
    await arrange();
    expect(await dueAt(due.map(([ms]) => ms))).toEqual(due.map(([, is]) => is));
  });
};

describe('a repair is never due', () => {
  cases([
    {
      what: 'with a peer that was never heard',
      arrange: () => undefined,
      due: [
        [0, undefined],
        [120_000, undefined],
      ],
    },
    {
      what: 'with one whose head has been compared with nothing',
      arrange: () => void peers.hear(peer, greater.head({ root: root(1) }), 'p2p', true),
      due: [
        [0, undefined],
        [120_000, undefined],
      ],
    },
    {
      what: 'while both are equal',
      arrange: () => hear(9),
      due: [
        [0, undefined],
        [120_000, undefined],
      ],
    },
    {
      what: 'while one is running, however urgent',
      arrange: () => {
        hear(1);
        beginRepair(peer.repair);
        peers.repairSoon(peer.author);
      },
      due: [
        [0, undefined],
        [120_000, undefined],
      ],
    },
  ]);
});

describe('a repair of a difference is due', () => {
  cases([
    { what: 'at once the first time [N10]', arrange: () => hear(1), due: [[0, 'still']] },
    {
      what: 'when it has lasted for 1.5 s, later on [N10]',
      arrange: () => {
        settled();
        hear(1);
      },
      due: [
        [1_499, undefined],
        [1_500, 'still'],
      ],
    },
    {
      what: 'at once when that was asked for [N10]',
      arrange: () => {
        settled();
        hear(1);
        waitUntil(peer.repair, 60_000);
        peers.repairSoon(peer.author);
      },
      due: [[0, 'still']],
    },
    {
      what: 'when a backoff has ended, also the first time [N10]',
      arrange: () => {
        hear(1);
        waitUntil(peer.repair, 7_000);
      },
      due: [
        [6_999, undefined],
        [7_000, 'still'],
      ],
    },
    {
      what: 'on the side with the smaller key without waiting for the peer, which could begin too [N10]',
      arrange: () => {
        setConnected(peer.link, true);
        noteReachesUs(peer.link);
        hear(1);
      },
      due: [[0, 'still']],
    },
    {
      what: 'with a second look where roots have changed within 1.5 s [S14]',
      arrange: async () => {
        settled();
        hear(1);
        await clock.advance(1_000);
        hear(2);
      },
      due: [
        [499, undefined],
        [500, 'flowing'],
        [1_499, 'flowing'],
        [1_500, 'still'],
      ],
    },
    {
      what: 'with a second look where our own root has changed [S14]',
      arrange: async () => {
        settled();
        hear(1);
        await clock.advance(2_000);
        compare(bytesToHex(root(8)));
      },
      due: [
        [0, 'flowing'],
        [1_500, 'still'],
      ],
    },
    {
      what: 'with one look where roots change and it is urgent [S14]',
      arrange: async () => {
        hear(1);
        await clock.advance(1_000);
        hear(2);
      },
      due: [[0, 'still']],
    },
  ]);
});

describe('the side with the greater key', () => {
  beforeEach(besideSmaller);

  cases([
    {
      what: 'waits half a second longer for a peer that is connected [N10]',
      arrange: () => {
        setConnected(peer.link, true);
        settled();
        hear(1);
      },
      due: [
        [1_999, undefined],
        [2_000, 'still'],
      ],
    },
    {
      what: 'waits half a second for one that has asked it something, also the first time [N10]',
      arrange: () => {
        noteReachesUs(peer.link);
        hear(1);
      },
      due: [
        [499, undefined],
        [500, 'still'],
      ],
    },
    {
      what: 'does not wait for one that cannot begin by itself [N10]',
      arrange: () => {
        settled();
        hear(1);
      },
      due: [
        [1_499, undefined],
        [1_500, 'still'],
      ],
    },
  ]);
});

describe('while the peer repairs with us [S13]', () => {
  cases([
    {
      what: 'none is due, until it has been at it for two minutes',
      arrange: () => {
        hear(1);
        serve(peer.repair, clock.monotonic);
      },
      due: [
        [0, undefined],
        [119_999, undefined],
        [120_000, 'still'],
      ],
    },
    {
      what: 'none is due, and one is when nothing has come of that for two seconds',
      arrange: async () => {
        hear(1);
        const end = serve(peer.repair, clock.monotonic);
        await clock.advance(30_000);
        end();
      },
      due: [
        [1_999, undefined],
        [2_000, 'still'],
      ],
    },
  ]);
});

describe('what was refused', () => {
  cases([
    {
      what: 'is looked at again after a minute [S11]',
      arrange: () => {
        hear(1);
        refusedLeft();
      },
      due: [
        [59_999, undefined],
        [60_000, 'still'],
      ],
    },
    {
      what: 'is looked at again after a minute on the side with the greater key too [S11]',
      arrange: () => {
        besideSmaller();
        setConnected(peer.link, true);
        settled();
        hear(1);
        refusedLeft();
      },
      due: [
        [59_999, undefined],
        [60_000, 'still'],
      ],
    },
    {
      what: 'is no matter once either state has changed [S11]',
      arrange: async () => {
        settled();
        hear(1);
        refusedLeft();
        await clock.advance(10_000);
        hear(2);
      },
      due: [
        [1_499, undefined],
        [1_500, 'still'],
      ],
    },
  ]);
});
