import type { ConnectionGater, MultiaddrConnection, PeerId } from '@libp2p/interface';
import type { Clock, Log, Standing } from '../../ports/index.ts';
import { createBucket, createBuckets } from '../../timing/index.ts';
import { addressGroup } from './addresses.ts';
import type { Bans } from './bans.ts';
import {
  HANDSHAKES_OF_ADDRESS,
  HANDSHAKES_OF_STRANGERS,
  MAX_ADDRESSES,
  MAX_CONNECTIONS_OF_PEER,
  MAX_GUESTS,
  MAX_GUESTS_OF_ADDRESS,
  MAX_KNOWN_ADDRESSES,
  MAX_PENDING_CONNECTIONS,
  MAX_PENDING_OF_ADDRESS,
  REFUSALS_TOLD,
} from './limits.ts';

export interface AdmissionDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly bans: Pick<Bans, 'has' | 'add'>;
  standingOf(peerId: string): Standing;
}

/** Decides who may connect, before and after Noise has proven who it is. */
export interface Admission {
  readonly gater: ConnectionGater;
  /** Bars guests from the address of a guest that misbehaved: a key costs it nothing, so its next one is no other. */
  barGuest(peerId: string): void;
  /** The addresses (groups) that a connected peer came from; empty for a peer that this node dialled. */
  addressesOf(peerId: string): readonly string[];
}

interface LetIn {
  readonly peerId: string;
  readonly address: string;
}

/**
 * Bounds what connections cost that nobody has proven anything on: sockets at a time and handshakes a second, for one
 * address and for all addresses together. A handshake that proves a member costs nothing, and an address from which a
 * member has come needs no room among strangers.
 */
export function createAdmission(deps: AdmissionDeps): Admission {
  const { clock, log, bans } = deps;
  const handshakes = createBuckets(clock, HANDSHAKES_OF_ADDRESS, MAX_ADDRESSES);
  const strangers = createBucket(clock, HANDSHAKES_OF_STRANGERS);
  const refusalsTold = createBucket(clock, REFUSALS_TOLD);
  /** The addresses of inbound connections whose handshake is under way. */
  const pending = new Map<MultiaddrConnection, string>();
  /** Inbound connections that were let in. */
  const letIn = new Map<MultiaddrConnection, LetIn>();
  /** Addresses from which members have come; the newest at the end. */
  const known = new Set<string>();

  const ofAddress = (address: string): number => [...pending.values()].filter((other) => other === address).length;

  /** Whether there is no room for one more handshake from this address. */
  function isFull(address: string): boolean {
    if (ofAddress(address) >= MAX_PENDING_OF_ADDRESS || !handshakes.get(address).take(1)) return true;
    if (known.has(address)) return false;
    const unknown = [...pending.values()].filter((other) => !known.has(other)).length;
    return unknown >= MAX_PENDING_CONNECTIONS || !strangers.take(1);
  }

  /** Why a peer that has proven who it is may not connect; undefined when it may. */
  function refusal(peerId: string, address: string | undefined): string | undefined {
    if (bans.has(peerId)) return 'banned';
    const standing = deps.standingOf(peerId);
    if (standing === 'barred') return 'it is no member';
    if (address === undefined) return undefined;
    const others = [...letIn.values()];
    if (others.filter((other) => other.peerId === peerId).length >= MAX_CONNECTIONS_OF_PEER)
      return `it has ${MAX_CONNECTIONS_OF_PEER} connections`;
    if (standing === 'member') return undefined;
    if (bans.has(guestsOf(address))) return 'guests of its address are banned';
    const guests = others.filter((other) => deps.standingOf(other.peerId) === 'guest');
    if (guests.length >= MAX_GUESTS) return `there are ${MAX_GUESTS} guests`;
    if (guests.filter((other) => other.address === address).length >= MAX_GUESTS_OF_ADDRESS)
      return `there are ${MAX_GUESTS_OF_ADDRESS} guests of its address`;
    return undefined;
  }

  function noteMember(address: string): void {
    handshakes.get(address).give(1);
    if (!known.has(address)) strangers.give(1);
    known.delete(address);
    known.add(address);
    if (known.size > MAX_KNOWN_ADDRESSES) known.delete(known.values().next().value ?? '');
  }

  /** Strangers may come at any rate, so a line for each would be a way to fill the log. */
  function tell(peerId: string, address: string | undefined, reason: string): void {
    const fields = { peer: peerId, address, reason };
    if (refusalsTold.take(1)) log.info(fields, 'P2P connection refused');
    else log.debug(fields, 'P2P connection refused');
  }

  const denyEncrypted = (peer: PeerId, address: string | undefined): boolean => {
    const reason = refusal(peer.toString(), address);
    if (reason !== undefined) tell(peer.toString(), address, reason);
    return reason !== undefined;
  };

  return {
    gater: {
      denyDialPeer: (peer) => refusal(peer.toString(), undefined) !== undefined,
      denyInboundConnection(connection) {
        const address = addressGroup(connection.remoteAddr);
        if (isFull(address)) return true;
        pending.set(connection, address);
        connection.addEventListener('close', () => {
          pending.delete(connection);
          letIn.delete(connection);
        });
        return false;
      },
      denyInboundEncryptedConnection(peer, connection) {
        const address = addressGroup(connection.remoteAddr);
        pending.delete(connection);
        if (deps.standingOf(peer.toString()) === 'member') noteMember(address);
        if (denyEncrypted(peer, address)) return true;
        if (connection.status === 'open') letIn.set(connection, { peerId: peer.toString(), address });
        return false;
      },
      denyOutboundEncryptedConnection: (peer) => denyEncrypted(peer, undefined),
    },
    barGuest(peerId) {
      for (const { peerId: other, address } of letIn.values()) if (other === peerId) bans.add(guestsOf(address));
    },
    addressesOf: (peerId) => [
      ...new Set([...letIn.values()].flatMap((one) => (one.peerId === peerId ? one.address : []))),
    ],
  };
}

/** The name under which all guests of an address are banned. */
function guestsOf(address: string): string {
  return `guests of ${address}`;
}
