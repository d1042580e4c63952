import type { FastifyReply, FastifyRequest } from 'fastify';
import { LatticeError } from '../../core/types/index.ts';
import type { Clients } from './clients.ts';

/** How many slots there are, and who may have how many of them. */
export interface SlotLimits {
  readonly inAll: number;
  /** Of those, the ones that only clients without limits may take: loopback, and so the node's own operator. */
  readonly reserved: number;
  readonly perClient: number;
  /** What the slots are for, in the plural. */
  readonly what: string;
}

/** Event streams, over server-sent events and WebSocket together: for each, up to 1 MiB of events may wait unsent. */
export const EVENT_STREAMS: SlotLimits = { inAll: 128, reserved: 32, perClient: 4, what: 'event streams' };
/** Downloads of the whole state. Each has a hold, in which the node keeps what is replaced while the client reads. */
export const DOWNLOADS: SlotLimits = { inAll: 16, reserved: 4, perClient: 2, what: 'downloads of the whole state' };
/** Uploads to the vault. Each has a file open, and at most some 100 KiB of it wait in memory. */
export const VAULT_UPLOADS: SlotLimits = { inAll: 32, reserved: 8, perClient: 4, what: 'uploads to the vault' };
/** Downloads from the vault. Each has a file open, and reads a block ahead of its client. */
export const VAULT_DOWNLOADS: SlotLimits = { inAll: 64, reserved: 16, perClient: 8, what: 'downloads from the vault' };
/** Checks of the whole vault, which read all of its bytes. */
export const VAULT_CHECKS: SlotLimits = { inAll: 2, reserved: 1, perClient: 1, what: 'checks of the vault' };

/** Lists of executions or attacks that are longer than usual: each reads the store for as long as its client reads. */
export const LONG_LISTS: SlotLimits = { inAll: 16, reserved: 4, perClient: 2, what: 'long lists of records' };

/** Bounds what is open at a time, in all and for each client. */
export interface StreamSlots {
  /**
   * Takes a slot for the client of `request`. The function that it answers gives the slot back; further calls do
   * nothing. Throws LatticeError `overloaded`.
   */
  take(request: FastifyRequest): () => void;
}

/** Gives a slot back when the answer ends. Of a client that has left already nobody is told again, so then at once. */
export function untilClosed(reply: FastifyReply, release: () => void): void {
  if (reply.raw.destroyed || reply.raw.closed) release();
  else reply.raw.once('close', release);
}

export function createStreamSlots(clients: Clients, limits: SlotLimits): StreamSlots {
  const tooMany = (whose: string): LatticeError =>
    new LatticeError('overloaded', `too many ${limits.what} ${whose}`, { details: { retryAfterMs: 10_000 } });
  let open = 0;
  /** Each entry has at least one slot, so that there are at most as many entries as slots. */
  const perClient = new Map<string, number>();
  return {
    take(request) {
      const client = clients.of(request);
      const mine = client === undefined ? 0 : (perClient.get(client) ?? 0);
      if (mine >= limits.perClient) throw tooMany('from this address');
      if (open >= limits.inAll - (client === undefined ? 0 : limits.reserved)) throw tooMany('open');
      open++;
      if (client !== undefined) perClient.set(client, mine + 1);
      let taken = true;
      return () => {
        if (!taken) return;
        taken = false;
        open--;
        if (client === undefined) return;
        const left = (perClient.get(client) ?? 1) - 1;
        if (left === 0) perClient.delete(client);
        else perClient.set(client, left);
      };
    },
  };
}
