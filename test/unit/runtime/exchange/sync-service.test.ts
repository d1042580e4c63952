import { describe, expect, it } from 'vitest';
import { createVerifier, nodeHasher } from '../../../../src/adapters/system/index.ts';
import type { Author, Bytes } from '../../../../src/core/types/index.ts';
import {
  decodeIdentity,
  decodeResponse,
  encodeRequest,
  identitySigningBytes,
  requestSigningBytes,
  responseSigningBytes,
} from '../../../../src/core/wire/index.ts';
import type { Signer } from '../../../../src/ports/index.ts';
import type { SyncService } from '../../../../src/runtime/facade/index.ts';
import { bytes, newSigner, testService, text } from '../../adapters/http/support.ts';

const hasher = nodeHasher();
const verifier = createVerifier();
const ASKER = new Uint8Array(16).fill(7);

const nonceOf = (service: SyncService): Bytes => decodeIdentity(service.identify(ASKER, 'http://x')).sessionNonce;

interface Parts {
  readonly server: Author;
  readonly sessionNonce: Bytes;
  readonly counter: number;
  readonly message?: Bytes;
}

const signing = (parts: Parts): Bytes =>
  requestSigningBytes({ ...parts, message: parts.message ?? bytes('hi') }, hasher);

const envelope = (signer: Signer, parts: Parts, changes: Partial<Parameters<typeof encodeRequest>[0]> = {}): Bytes =>
  encodeRequest({
    sessionNonce: parts.sessionNonce,
    counter: parts.counter,
    author: signer.author,
    signature: signer.sign(signing(parts)),
    message: parts.message ?? bytes('hi'),
    ...changes,
  });

/** A service, a peer it allows, and a session between them. */
function pair(overrides: Parameters<typeof testService>[0] = {}) {
  const test = testService(overrides);
  const peer = newSigner();
  test.allowed.add(peer.author);
  const parts: Parts = { server: test.signer.author, sessionNonce: nonceOf(test.service), counter: 1 };
  return { ...test, peer, parts };
}

describe('identity', () => {
  it('identity: names nonce, URL, author and incarnation under the node’s signature [X1]', async () => {
    const { service, signer } = testService();
    const answer = decodeIdentity(service.identify(ASKER, 'http://node:8000'));
    expect(answer).toMatchObject({ askerNonce: ASKER, url: 'http://node:8000', author: signer.author });
    expect(await verifier.verify(answer.author, identitySigningBytes(answer), answer.signature)).toBe(true);
    expect(nonceOf(service)).not.toEqual(nonceOf(service));
  });

  it('identity: an asker nonce of another length is refused', () => {
    expect(() => testService().service.identify(new Uint8Array(15), 'http://x')).toThrow(
      expect.objectContaining({ code: 'malformed' }),
    );
  });
});

describe('requests', () => {
  it('sync request: a genuine one is handled for its author, and the answer is signed for this request [X3, X4]', async () => {
    const { service, signer, peer, parts } = pair();
    const answer = decodeResponse(await service.handle(envelope(peer, parts)));
    expect([answer.author, text(answer.message)]).toEqual([signer.author, `${peer.author.slice(0, 8)}:hi`]);
    const signed = responseSigningBytes(signing(parts), answer.message, hasher);
    expect(await verifier.verify(answer.author, signed, answer.signature)).toBe(true);
    const other = responseSigningBytes(signing({ ...parts, counter: 2 }), answer.message, hasher);
    expect(await verifier.verify(answer.author, other, answer.signature)).toBe(false);
  });

  it('sync request: a counter counts once, also when its twins arrive together [X5]', async () => {
    let handled = 0;
    const { service, peer, parts } = pair({
      handle: async (_peer, message) => {
        handled++;
        return message;
      },
    });
    const twin = envelope(peer, parts);
    const results = await Promise.allSettled([service.handle(twin), service.handle(twin)]);
    expect(results.map((r) => r.status).sort()).toEqual(['fulfilled', 'rejected']);
    await expect(service.handle(twin)).rejects.toMatchObject({ code: 'sync-unauthorized' });
    expect(handled).toBe(1);
  });

  it('sync request: counters may come out of order within a window of 256 [X5]', async () => {
    const { service, peer, parts } = pair();
    const at = (counter: number) => service.handle(envelope(peer, { ...parts, counter }));
    await at(300);
    await at(45);
    await at(299);
    await expect(at(44)).rejects.toMatchObject({ code: 'sync-unauthorized' });
    await expect(at(45)).rejects.toMatchObject({ code: 'sync-unauthorized' });
    await at(301);
    await expect(at(45)).rejects.toMatchObject({ code: 'sync-unauthorized' });
  });

  const forgeries: readonly (readonly [string, (peer: Signer, parts: Parts) => Bytes])[] = [
    ['a changed message', (peer, parts) => envelope(peer, parts, { message: bytes('ho') })],
    ['a changed counter', (peer, parts) => envelope(peer, parts, { counter: 2 })],
    [
      'somebody else’s signature',
      (peer, parts) => envelope(peer, parts, { signature: newSigner().sign(signing(parts)) }),
    ],
    ['a request made for another server', (peer, parts) => envelope(peer, { ...parts, server: newSigner().author })],
    ['an unknown nonce', (peer, parts) => envelope(peer, { ...parts, sessionNonce: new Uint8Array(16) })],
  ];
  it.each(forgeries)('sync request: %s is refused, and burns nothing', async (_name, forge) => {
    const { service, peer, parts } = pair();
    await expect(service.handle(forge(peer, parts))).rejects.toMatchObject({ code: 'sync-unauthorized' });
    await service.handle(envelope(peer, parts));
  });

  it('sync request: whoever is not allowed is told so, and so is the node [S9, X10]', async () => {
    const strangers: Author[] = [];
    const { service, peer, parts } = pair({ onStranger: (author) => strangers.push(author) });
    const stranger = newSigner();
    await expect(service.handle(envelope(stranger, parts))).rejects.toMatchObject({ code: 'sync-forbidden' });
    await service.handle(envelope(peer, parts));
    expect(strangers).toEqual([stranger.author]);
  });

  it('sync request: the counters of a nonce are counted for each author by itself [X5]', async () => {
    const { service, peer, parts, allowed } = pair();
    const second = newSigner();
    allowed.add(second.author);
    await service.handle(envelope(peer, parts));
    await service.handle(envelope(second, parts));
    for (const who of [peer, second])
      await expect(service.handle(envelope(who, parts))).rejects.toMatchObject({ code: 'sync-unauthorized' });
  });

  it('sync request: a nonce lives ten minutes, used or not [X5]', async () => {
    const { service, peer, parts, clock } = pair();
    const unused = nonceOf(service);
    await clock.advance(9 * 60_000);
    await service.handle(envelope(peer, parts));
    await clock.advance(60_000);
    await expect(service.handle(envelope(peer, { ...parts, counter: 2 }))).rejects.toMatchObject({
      code: 'sync-unauthorized',
    });
    await expect(service.handle(envelope(peer, { ...parts, sessionNonce: unused }))).rejects.toMatchObject({
      code: 'sync-unauthorized',
    });
  });

  it('sync request: a flood of askers takes no nonce from anybody, used or not [X5]', async () => {
    const { service, peer, parts } = pair();
    await service.handle(envelope(peer, parts));
    const unused = nonceOf(service);
    for (let i = 0; i < 3000; i++) service.identify(ASKER, 'http://x');
    await service.handle(envelope(peer, { ...parts, counter: 2 }));
    await service.handle(envelope(peer, { ...parts, sessionNonce: unused }));
  });

  it('sync request: a nonce of another incarnation is unknown, whatever it says of its time [X5]', async () => {
    const { service, peer, parts } = pair();
    const other = pair();
    const foreign = { ...parts, sessionNonce: other.parts.sessionNonce };
    await expect(service.handle(envelope(peer, foreign))).rejects.toMatchObject({ code: 'sync-unauthorized' });
    const later = parts.sessionNonce.slice();
    later[3] = (later[3] as number) + 1;
    const changed = { ...parts, sessionNonce: later };
    await expect(service.handle(envelope(peer, changed))).rejects.toMatchObject({ code: 'sync-unauthorized' });
  });

  it('sync request: what an author used of older nonces than its eight newest counts no second time [X5]', async () => {
    const { service, peer, parts } = pair();
    const unused = nonceOf(service);
    const newer: Bytes[] = [];
    await service.handle(envelope(peer, parts));
    for (let i = 0; i < 8; i++) newer.push(nonceOf(service));
    for (const sessionNonce of newer) await service.handle(envelope(peer, { ...parts, sessionNonce }));
    const replayed = envelope(peer, parts);
    await expect(service.handle(replayed)).rejects.toMatchObject({ code: 'sync-unauthorized' });
    // One that was never used is refused only where it is older than what was forgotten.
    await service.handle(envelope(peer, { ...parts, sessionNonce: unused }));
    await expect(service.handle(replayed)).rejects.toMatchObject({ code: 'sync-unauthorized' });
    for (const sessionNonce of newer.slice(1)) {
      await service.handle(envelope(peer, { ...parts, sessionNonce, counter: 2 }));
    }
  });

  it('sync request: forgers take no check of a signature from a member that has proven itself [X6]', async () => {
    const gates: (() => void)[] = [];
    let held = false;
    const { service, peer, parts } = pair({
      verifier: {
        ...verifier,
        verify: async (...given) => {
          if (held) await new Promise<void>((open) => gates.push(open));
          return verifier.verify(...given);
        },
      },
    });
    await service.handle(envelope(peer, parts));
    expect(service.screen(envelope(peer, { ...parts, counter: 2 }))).toEqual({ proven: true });
    held = true;
    const forged = { signature: new Uint8Array(64) };
    const forgeries = Array.from({ length: 70 }, (_, i) =>
      service.handle(envelope(peer, { ...parts, sessionNonce: nonceOf(service), counter: i + 1 }, forged)).then(
        () => 'handled',
        (error: { code: string }) => error.code,
      ),
    );
    await expect.poll(() => gates.length).toBe(64);
    expect(await Promise.race(forgeries.slice(64))).toBe('overloaded');
    held = false;
    await service.handle(envelope(peer, { ...parts, counter: 2 }));
    for (const open of gates) open();
    expect(new Set(await Promise.all(forgeries))).toEqual(new Set(['sync-unauthorized', 'overloaded']));
  });

  it('sync request: its first bytes tell whether it is worth reading [S9, X5]', () => {
    const { service, peer, parts } = pair();
    const whole = envelope(peer, { ...parts, message: new Uint8Array(100_000) });
    expect(service.screen(whole.subarray(0, 64))).toEqual({ proven: false });
    expect(() => service.screen(whole.subarray(0, 40))).toThrow(expect.objectContaining({ code: 'malformed' }));
    const stranger = envelope(newSigner(), parts);
    expect(() => service.screen(stranger.subarray(0, 64))).toThrow(expect.objectContaining({ code: 'sync-forbidden' }));
    const unknown = envelope(peer, { ...parts, sessionNonce: new Uint8Array(16) });
    expect(() => service.screen(unknown.subarray(0, 64))).toThrow(
      expect.objectContaining({ code: 'sync-unauthorized' }),
    );
  });

  it('sync request: bytes that are no envelope are malformed', async () => {
    const { service } = pair();
    await expect(service.handle(bytes('nonsense'))).rejects.toMatchObject({ code: 'malformed' });
  });

  it('sync request: a peer has four at a time, and a slot is free when the work ends [X6]', async () => {
    const waiting: (() => void)[] = [];
    const { service, peer, parts, allowed } = pair({
      handle: (_p, m) => new Promise((resolve) => waiting.push(() => resolve(m))),
    });
    const at = (counter: number, who = peer) => service.handle(envelope(who, { ...parts, counter }));
    const own = [at(1), at(2), at(3), at(4)];
    await expect.poll(() => waiting.length).toBe(4);
    await expect(at(5)).rejects.toMatchObject({ code: 'overloaded' });
    const other = newSigner();
    allowed.add(other.author);
    const others = service.handle(envelope(other, { ...parts, sessionNonce: nonceOf(service) }));
    await expect.poll(() => waiting.length).toBe(5);
    for (const finish of waiting) finish();
    await Promise.all([...own, others]);
    const next = at(6);
    await expect.poll(() => waiting.length).toBe(6);
    waiting[5]?.();
    await next;
  });

  it('sync request: work without an end answers with a deadline [X6]', async () => {
    let started = false;
    const { service, peer, parts, clock } = pair({
      handle: () => {
        started = true;
        return new Promise(() => undefined);
      },
    });
    const answer = service.handle(envelope(peer, parts));
    answer.catch(() => undefined);
    await expect.poll(() => started).toBe(true);
    await clock.advance(10_000);
    await expect(answer).rejects.toMatchObject({ code: 'deadline' });
  });
});

describe('push streams', () => {
  interface Source {
    readonly peer: Author;
    readonly cursor: string;
    readonly send: (frame: Bytes) => boolean;
    readonly end: () => void;
    closed: boolean;
  }
  function streamPair() {
    const sources: Source[] = [];
    const test = pair({
      openStream: async (peer, request, send, end) => {
        const source: Source = { peer, cursor: text(request), send, end, closed: false };
        sources.push(source);
        return {
          close: () => {
            source.closed = true;
          },
        };
      },
    });
    const open = (counter: number, closed: () => void = () => undefined) =>
      test.service.open(envelope(test.peer, { ...test.parts, counter, message: bytes('c1') }), () => true, closed);
    return { ...test, sources, open };
  }

  it('push stream: opens with the peer and its cursor; closing it closes the source once [X7]', async () => {
    const { sources, open, peer } = streamPair();
    let told = 0;
    const stream = await open(1, () => told++);
    expect(sources[0]).toMatchObject({ peer: peer.author, cursor: 'c1', closed: false });
    expect(sources[0]?.send(bytes('x'))).toBe(true);
    stream.close();
    stream.close();
    expect([sources[0]?.closed, told]).toEqual([true, 0]);
    expect(sources[0]?.send(bytes('x'))).toBe(false);
  });

  it('push stream: the node may end it', async () => {
    const { sources, open } = streamPair();
    let told = 0;
    await open(1, () => told++);
    sources[0]?.end();
    sources[0]?.end();
    expect([sources[0]?.closed, told]).toEqual([true, 1]);
  });

  it('push stream: the third of a peer ends its oldest [X7]', async () => {
    const { sources, open } = streamPair();
    const ended: number[] = [];
    for (let i = 1; i <= 3; i++) await open(i, () => ended.push(i));
    expect([ended, sources.map((s) => s.closed)]).toEqual([[1], [true, false, false]]);
  });

  it('push stream: a replayed opening is refused', async () => {
    const { open } = streamPair();
    await open(1);
    await expect(open(1)).rejects.toMatchObject({ code: 'sync-unauthorized' });
  });

  it('push stream: one that fails to open leaves nothing behind', async () => {
    const test = pair({ openStream: () => Promise.reject(new Error('no')) });
    for (let counter = 1; counter < 70; counter++) {
      await expect(
        test.service.open(
          envelope(test.peer, { ...test.parts, counter }),
          () => true,
          () => undefined,
        ),
      ).rejects.toThrow('no');
    }
  });
});

describe('what is served by GET', () => {
  it('is asked for by a member, in an envelope that counts once [Y12]', async () => {
    const test = pair();
    const ask = (counter: number) =>
      test.service.admit(envelope(test.peer, { ...test.parts, counter, message: bytes('/a/path') }));
    expect(text(await ask(1))).toBe('/a/path');
    await expect(ask(1)).rejects.toMatchObject({ code: 'sync-unauthorized' });
    test.allowed.clear();
    await expect(ask(2)).rejects.toMatchObject({ code: 'sync-forbidden' });
  });
});
