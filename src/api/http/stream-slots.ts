import type { FastifyRequest } from 'fastify';
import { LatticeError } from '../../core/types/index.ts';
import type { Addresses } from './addresses.ts';
import { addressOf } from './requests.ts';

/** Event streams of one address, so that one client cannot take them all. */
const MAX_PER_ADDRESS = 4;
/** Event streams in all: for each, up to 1 MiB of unsent events may wait. */
const MAX_STREAMS = 128;

/** Bounds the event streams that are open at a time, over server-sent events and WebSocket together. */
export interface StreamSlots {
  /**
   * Takes a slot for the client of `request`. The function that it answers gives the slot back; further calls do
   * nothing. Throws LatticeError `overloaded`.
   */
  take(request: FastifyRequest): () => void;
}

const tooMany = (whose: string): LatticeError =>
  new LatticeError('overloaded', `too many event streams ${whose}`, { details: { retryAfterMs: 10_000 } });

export function createStreamSlots(addresses: Addresses): StreamSlots {
  let open = 0;
  /** Each entry has at least one open stream, so that there are at most MAX_STREAMS entries. */
  const perAddress = new Map<string, number>();
  return {
    take(request) {
      const address = addressOf(request);
      const client = addresses.isExempt(address) ? undefined : addresses.keyOf(address);
      const mine = client === undefined ? 0 : (perAddress.get(client) ?? 0);
      if (mine >= MAX_PER_ADDRESS) throw tooMany('from this address');
      if (open >= MAX_STREAMS) throw tooMany('open');
      open++;
      if (client !== undefined) perAddress.set(client, mine + 1);
      let taken = true;
      return () => {
        if (!taken) return;
        taken = false;
        open--;
        if (client === undefined) return;
        const left = (perAddress.get(client) ?? 1) - 1;
        if (left === 0) perAddress.delete(client);
        else perAddress.set(client, left);
      };
    },
  };
}
