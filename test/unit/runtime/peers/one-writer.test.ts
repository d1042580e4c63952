import { describe, expect, expectTypeOf, it } from 'vitest';
import { type PeerLink, setConnected } from '../../../../src/runtime/peers/link.ts';
import { createPeerTable, type Peer } from '../../../../src/runtime/peers/peers.ts';
import { hurry, type PeerRepair } from '../../../../src/runtime/peers/repairing.ts';
import { noteSoftware, type PeerView } from '../../../../src/runtime/peers/view.ts';
import { createAuthor, createHandClock } from '../support.ts';

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

/** Names of the fields that can be assigned. */
type Assignable<T> = {
  [K in keyof T]-?: Same<Pick<T, K>, { -readonly [Q in K]: T[Q] }> extends true ? K : never;
}[keyof T];

/** What is said here is checked by the compiler: `npm run check:types`. */
describe('a record of a peer has one writer: for everybody else', () => {
  it('no field of it can be assigned', () => {
    expectTypeOf<Assignable<Peer>>().toEqualTypeOf<never>();
    expectTypeOf<Assignable<PeerLink>>().toEqualTypeOf<never>();
    expectTypeOf<Assignable<PeerLink['path']>>().toEqualTypeOf<never>();
    expectTypeOf<Assignable<PeerView>>().toEqualTypeOf<never>();
    expectTypeOf<Assignable<PeerView['heardAt'] & PeerView['newest'] & PeerView['pair']>>().toEqualTypeOf<never>();
    expectTypeOf<Assignable<PeerRepair>>().toEqualTypeOf<never>();
    expectTypeOf<Assignable<PeerRepair['served'] & NonNullable<PeerRepair['differing']>>>().toEqualTypeOf<never>();
    // The question itself tells one from the other.
    expectTypeOf<Assignable<{ readonly a: 1; b: 2; c?: 3 }>>().toEqualTypeOf<'b' | 'c'>();
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
