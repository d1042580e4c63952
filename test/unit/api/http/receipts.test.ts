import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createWaitingWrites, type WaitingWrites, withReceipt } from '../../../../src/api/http/receipts.ts';
import { hlcToHex } from '../../../../src/core/clock/index.ts';
import type { Hlc } from '../../../../src/core/types/index.ts';
import { createReceipts } from '../../../../src/runtime/exchange/receipts.ts';
import { REPLICAS_MS } from '../../../../src/runtime/facade/index.ts';
import { createRoster } from '../../../../src/runtime/fleet/roster.ts';
import { createAuthor, createHandClock, type HandClock, hasher, metrics } from '../../runtime/support.ts';

const [US, OTHER] = [createAuthor(1), createAuthor(2)];
const WRITTEN = { commit: '0'.repeat(64), hlc: hlcToHex(1n as Hlc), results: [] };

let clock: HandClock;
let server: Server;
let waitingWrites: WaitingWrites;
/** Whose receipts are waited for. */
let following: number;
beforeEach(async () => {
  clock = createHandClock();
  following = 0;
  waitingWrites = createWaitingWrites();
  server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

/** A request for a write that waits, as the server has it, and how its client leaves. */
async function arrive() {
  const client = request({ port: (server.address() as AddressInfo).port, host: '127.0.0.1' });
  client.on('error', () => undefined).end();
  const [, response] = (await once(server, 'request')) as [IncomingMessage, ServerResponse];
  return { client, response };
}

/** Writes with `write`, and waits for the other writer, who never signs. */
function writeAndWait(response: ServerResponse, write: () => Promise<typeof WRITTEN>) {
  const receipts = createReceipts({
    self: US.author,
    hasher,
    roster: createRoster([US.author, OTHER.author], US.author, hasher),
    replicas: {
      follow() {
        following++;
        return { end: () => void following-- };
      },
      stop: () => undefined,
    },
    book: { certifiedAt: () => undefined, onAdded: () => () => undefined },
    complete: { newest: () => undefined, onNewer: () => () => undefined },
    labelOf: (author) => author,
    clock,
    metrics,
  });
  return withReceipt(
    { lattice: { receipts }, waitingWrites } as unknown as Parameters<typeof withReceipt>[0],
    { query: { replicas: 1 } } as FastifyRequest,
    { raw: response } as FastifyReply,
    write,
  );
}

describe('a write that waits for receipts', () => {
  it('waits no more once its client has left, even while it was written [RC1]', async () => {
    const { client, response } = await arrive();
    const outcome = writeAndWait(response, async () => {
      client.destroy();
      await once(response, 'close');
      return WRITTEN;
    });
    const refused = expect(outcome).rejects.toMatchObject({ code: 'aborted' });
    await once(response, 'close');
    // Who is still waited for ends after its time only, with an answer.
    await clock.advance(REPLICAS_MS);
    await refused;
    expect(following).toBe(0);
  });

  it('waits no more where its client had left before [RC1]', async () => {
    const { client, response } = await arrive();
    client.destroy();
    await once(response, 'close');
    const refused = expect(writeAndWait(response, async () => WRITTEN)).rejects.toMatchObject({ code: 'aborted' });
    await clock.advance(REPLICAS_MS);
    await refused;
  });

  it('ends with what has come when the API closes, and so does one that is being written then [RC1]', async () => {
    const waiting = writeAndWait((await arrive()).response, async () => WRITTEN);
    const writing = writeAndWait((await arrive()).response, async () => {
      waitingWrites.end();
      return WRITTEN;
    });
    const later = writeAndWait((await arrive()).response, async () => WRITTEN);
    for (const one of [waiting, writing, later]) expect((await one).receipt).toMatchObject({ met: false });
    expect(following).toBe(0);
  });
});
