import { expect, it } from 'vitest';
import { type Author, type Bytes, type ErrorCode, LatticeError } from '../../../../src/core/types/index.ts';
import { decodeSync, encodeSync } from '../../../../src/core/wire/index.ts';
import { fetchChunks, findPlan, type SourcesDeps } from '../../../../src/runtime/bootstrap/sources.ts';
import { createRoster } from '../../../../src/runtime/fleet/roster.ts';
import { createPeerTable, type Peer } from '../../../../src/runtime/peers/peers.ts';
import { createHandClock, hasher, NETWORK, outcomeOf, turns, verifier } from '../support.ts';
import { commits, createSource, trusted } from './support.ts';

const NEWEST = new Uint8Array(0);

/** How a peer's error comes in by each lung. */
const ERRORS: Readonly<Record<'p2p' | 'http', (code: ErrorCode | 'never-heard-of') => Promise<Bytes>>> = {
  p2p: async (code) => encodeSync({ type: 'error', code, message: 'no' }),
  http: (code) =>
    Promise.reject(new LatticeError('http-status', 'status 503', { details: { status: 503, peerCode: code } })),
};
const LUNGS = ['p2p', 'http'] as const;

/** One peer that is asked over `link`. */
function asking(link: (message: Bytes) => Promise<Bytes>) {
  const clock = createHandClock();
  const peer = createPeerTable(clock).ensure(trusted[1] as Author) as Peer;
  const leftOut: ErrorCode[] = [];
  const deps: SourcesDeps = {
    network: NETWORK,
    roster: createRoster(trusted, trusted[0] as Author, hasher),
    hasher,
    verifier,
    clock: { ...clock, now: () => Date.now() },
    linkTo: () => ({ lung: 'http', link }),
    peers: () => [peer],
    leaveOut: (_author, { code }) => leftOut.push(code),
    onBytes: () => undefined,
    stopped: () => false,
  };
  return { clock, deps, leftOut };
}

it.each(LUNGS)('over %s a peer that is busy is waited for, one that has nothing is not [W7]', async (lung) => {
  for (const [code, found] of [
    ['overloaded', 'soon'],
    ['snapshot-soon', 'soon'],
    ['deadline', 'soon'],
    ['no-snapshot', undefined],
    ['unverified', undefined],
    ['never-heard-of', undefined],
  ] as const) {
    const { deps, leftOut } = asking(() => ERRORS[lung](code));
    expect([code, await findPlan(deps, NEWEST)]).toEqual([code, found]);
    expect(leftOut).toEqual([]);
  }
});

it.each(LUNGS)('over %s a source that is busy for long stays one [W7]', async (lung) => {
  const source = await createSource(2);
  await source.apply(commits(source.state.self, 'k', 1, 100));
  source.cut();
  let busy = 10;
  const { clock, deps } = asking((bytes) =>
    decodeSync(bytes).type === 'chunk' && busy-- > 0 ? ERRORS[lung]('overloaded') : source.link(bytes),
  );
  const plan = await findPlan(deps, NEWEST);
  if (plan === undefined || plan === 'soon') throw new Error('the source has a snapshot');
  let keys = 0;
  const all = Array.from({ length: 2 ** plan.bits }, (_, i) => i);
  const take = async ({ entries }: { entries: readonly unknown[] }): Promise<void> => void (keys += entries.length);
  const fetching = fetchChunks(deps, plan, all, take, () => undefined);
  const seen = outcomeOf(fetching);
  for (let s = 0; s < 30 && seen.state === 'pending'; s++) {
    await clock.advance(1_000);
    await turns(20);
  }
  expect(seen.state).toBe('fulfilled');
  expect([await fetching, keys]).toEqual(['done', 100]);
});
