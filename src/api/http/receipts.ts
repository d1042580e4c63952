import type { FastifyReply, FastifyRequest } from 'fastify';
import { LatticeError } from '../../core/types/index.ts';
import type { Lattice, ReceiptPlace, ReceiptView, ReceiptWish, WriteResult } from '../../runtime/facade/index.ts';

interface ReceiptQuery {
  readonly replicas?: number;
  readonly certified?: 'true' | 'false';
  readonly complete?: 'true' | 'false';
  readonly timeout?: string;
}

/** Spans of time as the schema lets them through: `500ms`, `5s`. */
function toMs(span: string): number {
  return span.endsWith('ms') ? Number(span.slice(0, -2)) : Number(span.slice(0, -1)) * 1000;
}

/**
 * What the query of a write asks to wait for (SPEC RC1); undefined where it asks for nothing. The schema has checked the
 * form. Throws LatticeError `invalid-query` for a time-out of nothing.
 */
function wishOf(request: FastifyRequest): ReceiptWish | undefined {
  const { replicas, certified, complete, timeout } = request.query as ReceiptQuery;
  if (replicas === undefined && certified === undefined && complete === undefined && timeout === undefined)
    return undefined;
  const wish = {
    ...(replicas === undefined ? {} : { replicas }),
    ...(certified === 'true' ? { certified: true } : {}),
    ...(complete === 'true' ? { complete: true } : {}),
  };
  if (Object.keys(wish).length > 0) return { ...wish, ...(timeout === undefined ? {} : { timeoutMs: toMs(timeout) }) };
  if (timeout !== undefined)
    throw new LatticeError('invalid-query', 'timeout is for a write that waits', {
      next: 'ask for replicas, certified or complete beside it',
    });
  return undefined;
}

/** The writes of this API that wait, so that they are answered before it closes. */
export interface WaitingWrites {
  add(place: ReceiptPlace): void;
  remove(place: ReceiptPlace): void;
  /** Ends all of them with what has come, and later ones as soon as they wait. */
  end(): void;
}

export function createWaitingWrites(): WaitingWrites {
  const places = new Set<ReceiptPlace>();
  let isClosing = false;
  return {
    add(place) {
      if (isClosing) place.end();
      else places.add(place);
    },
    remove: (place) => void places.delete(place),
    end() {
      isClosing = true;
      for (const place of places) place.end();
      places.clear();
    },
  };
}

/**
 * Writes and then waits for what the request asks for. What cannot be is refused before anything is written. A client that
 * goes away ends the waiting, even where it goes while the write is made; the write stands.
 */
export async function withReceipt<T extends WriteResult>(
  { lattice, waitingWrites }: { readonly lattice: Lattice; readonly waitingWrites: WaitingWrites },
  request: FastifyRequest,
  reply: FastifyReply,
  write: () => Promise<T>,
): Promise<{ readonly written: T; readonly receipt: ReceiptView | undefined }> {
  const wish = wishOf(request);
  if (wish === undefined) return { written: await write(), receipt: undefined };
  const place = lattice.receipts.reserve(wish);
  waitingWrites.add(place);
  const gone = new AbortController();
  const leave = (): void => gone.abort(new LatticeError('aborted', 'the client went away'));
  reply.raw.once('close', leave);
  if (reply.raw.destroyed) leave();
  try {
    const written = await write();
    const { commit, hlc, results } = written;
    const keys = results.map(({ key }) => key);
    return { written, receipt: await place.wait({ commit, hlc, keys }, gone.signal) };
  } finally {
    reply.raw.off('close', leave);
    waitingWrites.remove(place);
    place.end();
  }
}
