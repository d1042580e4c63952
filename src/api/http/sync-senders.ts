import type { FastifyReply, FastifyRequest } from 'fastify';
import { LatticeError } from '../../core/types/index.ts';
import { MAX_ENVELOPE_BYTES, MAX_REQUEST_HEAD_BYTES } from '../../core/wire/index.ts';
import type { SyncService } from '../../runtime/facade/index.ts';
import { createByteCollector } from './byte-collector.ts';
import type { Clients } from './clients.ts';
import type { Connections } from './connections.ts';
import type { Costs } from './costs.ts';
import { createStreamSlots, type SlotLimits, untilClosed } from './stream-slots.ts';

/** Bytes up to which a message may be read of a sender who has proven nothing without taking a slot: a hello fits. */
const SMALL_BYTES = 16 * 1024;
/** Larger messages of such senders that are read at a time. Each may take 1 MiB. */
const UNPROVEN_BODIES: SlotLimits = { inAll: 16, reserved: 4, perClient: 2, what: 'unproven sync requests' };
/** What the check of a signature costs beside the request, in ms of the event loop. */
const SIGNATURE_MS = 0.3;

/** Tells members from strangers before a request of the sync protocol takes the node's time or memory. */
export interface SyncSenders {
  /**
   * Looks at the beginning of an envelope. Strangers are refused, and whoever has proven nothing yet pays. Throws as
   * `SyncService.screen` and `Costs.begin` do.
   */
  screen(request: FastifyRequest, reply: FastifyReply, head: Uint8Array): { readonly proven: boolean };
  /**
   * Reads the body of a request: at first as much as tells who claims to send it, and the rest only for one who may.
   * Rejects as `screen` throws, and with LatticeError `body-too-large`, `overloaded` or `invalid-body`.
   */
  read(request: FastifyRequest, reply: FastifyReply): Promise<Uint8Array>;
  /** To be called when the request was found genuine: from then on the sender's address and connection are a member's. */
  proved(request: FastifyRequest): void;
}

export function createSyncSenders(deps: {
  readonly lattice: { readonly sync: Pick<SyncService, 'screen'> };
  readonly clients: Clients;
  readonly costs: Costs;
  readonly connections: Pick<Connections, 'keep'>;
}): SyncSenders {
  const { lattice, costs } = deps;
  const slots = createStreamSlots(deps.clients, UNPROVEN_BODIES);

  const screen: SyncSenders['screen'] = (request, reply, head) => {
    let screened: { readonly proven: boolean };
    try {
      screened = lattice.sync.screen(head);
    } catch (error) {
      costs.chargeRefused(request);
      throw error;
    }
    if (!screened.proven) {
      costs.begin(request, reply, 'read');
      costs.charge(request, SIGNATURE_MS);
    }
    return screened;
  };

  return {
    screen,
    read(request, reply) {
      const { raw } = request;
      return new Promise((resolve, reject) => {
        const collected = createByteCollector();
        let screened: { readonly proven: boolean } | undefined;
        let hasSlot = false;
        const stop = (): void => {
          raw.off('data', onData).off('end', onEnd).off('close', onClose).off('error', onClose);
        };
        const refuse = (error: unknown): void => {
          stop();
          // What still comes is passed over once the request is answered.
          raw.pause();
          reject(error instanceof Error ? error : new Error(String(error)));
        };
        function look(): void {
          const { length } = collected;
          if (length > MAX_ENVELOPE_BYTES)
            throw new LatticeError('body-too-large', 'the body is larger than a sync envelope can be');
          if (screened === undefined && length >= MAX_REQUEST_HEAD_BYTES)
            screened = screen(request, reply, collected.bytes().subarray(0, MAX_REQUEST_HEAD_BYTES));
          if (screened?.proven === false && length > SMALL_BYTES && !hasSlot) {
            hasSlot = true;
            untilClosed(reply, slots.take(request));
          }
        }
        function onData(chunk: Buffer): void {
          collected.add(chunk);
          try {
            look();
          } catch (error) {
            refuse(error);
          }
        }
        function onEnd(): void {
          stop();
          const bytes = collected.bytes();
          try {
            // No envelope is so short, and decoding it says what is missing.
            if (screened === undefined) screen(request, reply, bytes);
            resolve(bytes);
          } catch (error) {
            refuse(error);
          }
        }
        function onClose(): void {
          refuse(new LatticeError('invalid-body', 'the client left before its body was whole'));
        }
        raw.on('data', onData).on('end', onEnd).on('close', onClose).on('error', onClose);
      });
    },
    proved(request) {
      costs.vouch(request);
      deps.connections.keep(request.socket);
    },
  };
}
