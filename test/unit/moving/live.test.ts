import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { createSigner, createVerifier, systemClock } from '../../../src/adapters/system/index.ts';
import { type Author, bytesToHex, LatticeError } from '../../../src/core/types/index.ts';
import { baseUrlOf, type LiveOptions, planLive } from '../../../src/moving/live.ts';
import type { Plan } from '../../../src/moving/plan.ts';
import type { Clock } from '../../../src/ports/index.ts';
import { context, keysOf, rootOf } from './support.ts';

const signer = createSigner(new Uint8Array(32).fill(7));
const other = createSigner(new Uint8Array(32).fill(8));
const seconds = (): number => Math.floor(Date.now() / 1000);

type Handler = (request: IncomingMessage, response: ServerResponse) => void;
const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

async function serve(handler: Handler): Promise<string> {
  const server = createServer(handler);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** What the original answers for a state, as compact JSON. */
function answer(state: object, change: object = {}): string {
  const merkle_root = rootOf(state);
  const body = { success: true, merkle_root, state, state_size: Object.keys(state).length, signed: false };
  return JSON.stringify({ ...body, ...change });
}

function signed(state: object, by = signer, timestamp = seconds()): string {
  const signature = bytesToHex(by.sign(new TextEncoder().encode(`${rootOf(state)}:${timestamp}`)));
  return answer(state, { timestamp, signature, signed: true });
}

const text =
  (body: string): Handler =>
  (request, response) =>
    request.url === '/api/lattice/state' ? response.end(body) : response.writeHead(404).end();

async function read(
  handler: Handler,
  {
    signers = [],
    mustSign = signers.length > 0,
    unverified = false,
    ...change
  }: Partial<LiveOptions> & { unverified?: boolean } = {},
): Promise<Plan> {
  const options = { verifier: createVerifier(), signers, mustSign, clock: systemClock(), ...change };
  return await planLive(await serve(handler), options, context({ unverified }));
}

const errorOf = async (reading: Promise<Plan>): Promise<LatticeError> =>
  await reading.then(
    () => Promise.reject(new Error('it was read')),
    (error: unknown) => (error instanceof LatticeError ? error : Promise.reject(error)),
  );

describe('a running node of the original', () => {
  it('tells its state, whose root is checked, as numbers are written [I1, I7]', async () => {
    const body = answer({}).replace('"state":{}', '"state":{"a":1.0,"é":[1]}');
    const plan = await read(text(body.replace(rootOf({}), rootOf('{"a": 1.0, "é": [1]}'))));
    expect(keysOf(plan)).toEqual([[true, ['a', 'é']]]);
    expect(plan.remarks.join(' ')).toContain('does not sign its state');
    expect(keysOf(await read(text(answer({}, { merkle_root: null }))))).toEqual([[true, []]]);
  });

  it('may have to sign it: by a key that is named, over this root, at this time [I7]', async () => {
    const signers = [other.author, signer.author] as Author[];
    const plan = await read(text(signed({ a: 1 })), { signers });
    expect(plan.items[0]?.checked).toEqual({
      verified: true,
      by: `its own Merkle root ${rootOf({ a: 1 })}, signed by ${signer.author}`,
    });
    for (const [body, why] of [
      [answer({ a: 1 }), 'it is not signed'],
      [signed({ a: 1 }, createSigner(new Uint8Array(32).fill(9))), 'by none of the keys'],
      [signed({ a: 1 }).replace(/"timestamp":\d+/, `"timestamp":${seconds() + 60}`), 'by none of the keys'],
      [signed({ a: 1 }, signer, seconds() - 3_600), 'of another time: 36'],
      [signed({ a: 1 }, signer, seconds() + 3_600), 'ahead'],
    ] as const) {
      const refused = await read(text(body), { signers });
      expect(refused.items).toEqual([]);
      expect(refused.refused).toMatchObject([{ code: 'bad-signature', takenUnverified: true }]);
      expect(refused.refused[0]?.reason).toContain(why);
      expect(keysOf(await read(text(body), { signers, unverified: true }))).toEqual([[false, ['a']]]);
    }
    // A trust list alone asks for no signature, and still refuses one of somebody else.
    const list = { signers, mustSign: false };
    expect(keysOf(await read(text(answer({ a: 1 })), list))).toEqual([[true, ['a']]]);
    expect((await read(text(signed({ a: 1 }, createSigner(new Uint8Array(32).fill(9)))), list)).items).toEqual([]);
    const unasked = await read(text(signed({ a: 1 })));
    expect(unasked.remarks.join(' ')).toContain('Its signature was not checked');
  });

  it('is asked again when its state changed while it was sent [I7]', async () => {
    let asked = 0;
    const moving: Handler = (request, response) =>
      text(
        request.url === '/api/lattice/state' && ++asked < 3
          ? answer({ a: asked }, { merkle_root: rootOf({ a: 0 }) })
          : answer({ a: asked }),
      )(request, response);
    expect(keysOf(await read(moving))).toEqual([[true, ['a']]]);
    expect(asked).toBe(3);
    const wrong = answer({ a: 1 }, { merkle_root: rootOf({ a: 0 }) });
    const refused = await read(text(wrong));
    expect(refused.refused).toMatchObject([
      { code: 'snapshot-root-mismatch', stored: rootOf({ a: 0 }), computed: rootOf({ a: 1 }) },
    ]);
    expect(keysOf(await read(text(wrong), { unverified: true }))).toEqual([[false, ['a']]]);
  });

  it('is no node of this system, which is told apart', async () => {
    const plan = await read((request, response) => {
      response.end(
        request.url === '/api/v1/status' ? '{"incarnation":"00"}' : answer({ a: 1 }, { merkle_root: '0'.repeat(64) }),
      );
    });
    expect(plan.refused[0]?.reason).toContain('a node of this system');
    expect(plan.refused[0]?.takenUnverified).toBe(false);
  });

  it('that redirects, fails or says something else is an error with a next step [I7]', async () => {
    const elsewhere = await serve(text(answer({ a: 1 })));
    const redirect = await errorOf(read((_, response) => response.writeHead(302, { location: elsewhere }).end()));
    expect([redirect.code, redirect.message]).toEqual([
      'http-status',
      expect.stringContaining(`redirects to ${elsewhere}`),
    ]);
    const status = await errorOf(read((_, response) => response.writeHead(500).end('x'.repeat(100_000))));
    expect([status.code, status.message]).toEqual(['http-status', expect.stringContaining('status 500')]);
    expect((await read(text('<html>'))).refused).toMatchObject([{ code: 'snapshot-malformed' }]);
    const cut = await errorOf(
      read((_, response) => {
        response.writeHead(200, { 'content-length': 100 });
        response.write('{"state"', () => response.destroy());
      }),
    );
    expect(cut.code).toBe('unreachable');
    const options = { verifier: createVerifier(), signers: [], mustSign: false, clock: systemClock() };
    expect((await errorOf(planLive('http://127.0.0.1:1', options, context()))).code).toBe('unreachable');
  });

  it('is read up to a bound, whatever it is compressed to [I7]', async () => {
    const bomb: Handler = (_, response) =>
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(Buffer.alloc(8_000_000, ' ')));
    expect((await errorOf(read(bomb, { maxBytes: 1_000_000 }))).code).toBe('answer-too-large');
    const endless: Handler = (_, response) => {
      response.writeHead(200);
      const more = (): void => void (response.destroyed || response.write('x'.repeat(65_536), more));
      more();
    };
    expect((await errorOf(read(endless, { maxBytes: 1_000_000 }))).code).toBe('answer-too-large');
  });

  it('that goes silent, or takes too long, is given up [I7]', async () => {
    const real = systemClock();
    // Time that runs a thousand times faster: 20 s of silence and 120 s in all are 20 and 120 ms.
    const clock: Clock = { ...real, after: (ms, run) => real.after(ms / 1_000, run) };
    const silent: Handler = (_, response) => void response.write('{');
    const first = await errorOf(read(silent, { clock }));
    expect([first.code, first.message]).toEqual(['timeout', expect.stringContaining('within 20 s')]);
    const slow: Handler = (_, response) => {
      const timer = setInterval(() => response.write(' '), 5);
      response.on('close', () => clearInterval(timer));
    };
    const second = await errorOf(read(slow, { clock }));
    expect(second.code).toBe('timeout');
  });

  it('is named by its base URL, with or without the path of its state', () => {
    expect(baseUrlOf('http://h:8000/')).toBe('http://h:8000');
    expect(baseUrlOf('https://h/x/api/lattice/state')).toBe('https://h/x');
    for (const url of ['http://', 'http://u:p@h', 'http://h/?a=1', 'http://h/#x'])
      expect(() => baseUrlOf(url), url).toThrow(LatticeError);
  });
});
