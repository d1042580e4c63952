import { describe, expect, expectTypeOf, it } from 'vitest';
import { type PeerLink, setConnected } from '../../../../src/runtime/peers/link.ts';
import { createPeerTable, type Peer } from '../../../../src/runtime/peers/peers.ts';
import { hurry, type PeerRepair } from '../../../../src/runtime/peers/repairing.ts';
import { noteSoftware, type PeerView } from '../../../../src/runtime/peers/view.ts';
import { createAuthor, createHandClock } from '../support.ts';

/** What is said here is checked by the compiler: `npm run check:types`. */
describe('a record of a peer has one writer: for everybody else', () => {
  it('no field of it can be assigned', () => {
    expectTypeOf<Peer>().toEqualTypeOf<Readonly<Peer>>();
    expectTypeOf<PeerLink>().toEqualTypeOf<Readonly<PeerLink>>();
    expectTypeOf<PeerLink['path']>().toEqualTypeOf<Readonly<PeerLink['path']>>();
    expectTypeOf<PeerView>().toEqualTypeOf<Readonly<PeerView>>();
    expectTypeOf<PeerView['heardAt']>().toEqualTypeOf<Readonly<PeerView['heardAt']>>();
    expectTypeOf<PeerView['newest']>().toEqualTypeOf<Readonly<PeerView['newest']>>();
    expectTypeOf<PeerView['pair']>().toEqualTypeOf<Readonly<PeerView['pair']>>();
    expectTypeOf<PeerRepair>().toEqualTypeOf<Readonly<PeerRepair>>();
    expectTypeOf<PeerRepair['served']>().toEqualTypeOf<Readonly<PeerRepair['served']>>();
    expectTypeOf<PeerRepair['differing']>().toEqualTypeOf<Readonly<PeerRepair['differing']>>();
    // The question itself tells one from the other.
    expectTypeOf<{ a: 1 }>().not.toEqualTypeOf<Readonly<{ a: 1 }>>();
  });

  it('an assignment does not compile, and the functions of its module are the way', () => {
    const peer = createPeerTable(createHandClock()).ensure(createAuthor(2).author) as Peer;
    const assign = (): void => {
      // @ts-expect-error The view is written by view.ts.
      peer.view.head = undefined;
      // @ts-expect-error The link is written by link.ts.
      peer.link.connected = true;
      // @ts-expect-error The repair is written by repairing.ts.
      peer.repair.running = true;
    };
    expect(assign).toBeTypeOf('function');
    setConnected(peer.link, true);
    noteSoftware(peer.view, '1.0.0');
    hurry(peer.repair);
    expect([peer.link.connected, peer.view.software, peer.repair.urgent]).toEqual([true, '1.0.0', true]);
  });
});
