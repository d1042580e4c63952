import { type Author, type Bytes, bytesToHex, equalBytes, LatticeError } from '../../src/core/types/index.ts';
import {
  decodeIdentity,
  decodeResponse,
  encodeRequest,
  identitySigningBytes,
  requestSigningBytes,
  responseSigningBytes,
} from '../../src/core/wire/index.ts';
import type { HttpIdentity, HttpLung, Random, Signer, Verifier } from '../../src/ports/index.ts';
import type { SyncService } from '../../src/runtime/index.ts';
import type { Life } from './clock.ts';
import { hasher } from './crypto.ts';
import { type Wires, withTimeout } from './network.ts';

/** Frames under way to one reader before the server side gives it up, as its socket buffer would fill. */
const MAX_FRAMES_UNDER_WAY = 512;
/** A server notices by keep-alive that a reader has vanished. */
const NOTICE_GONE_MS = 10_000;

interface Server {
  readonly sync: SyncService;
  readonly life: Life;
}

interface Session extends HttpIdentity {
  readonly nonce: Bytes;
  counter: number;
}

export interface HttpNetwork {
  /** The node at `index` answers from now on. */
  serve(index: number, sync: SyncService, life: Life): void;
  /** The node at `index` no longer listens. */
  leave(index: number): void;
  lung(
    index: number,
    deps: { readonly life: Life; readonly signer: Signer; readonly verifier: Verifier; readonly random: Random },
  ): HttpLung;
}

export const urlOf = (index: number): string => `http://n${index}.sim:8000`;

/**
 * Every node's real sync service behind simulated connections, and a client that speaks the envelopes of the real one.
 */
export function createHttpNetwork(wires: Wires, nodes: number): HttpNetwork {
  const { scheduler, rng } = wires;
  const servers = Array.from<Server | undefined>({ length: nodes });
  const indexOf = (url: string): number => Number(/^http:\/\/n(\d+)\.sim:8000$/.exec(url)?.[1] ?? Number.NaN);
  const unreachable = (url: string): LatticeError => new LatticeError('peer-unreachable', `${url} cannot be reached`);

  /** What a server's error looks like to a client: only status and code cross the wire. */
  function overTheWire(error: unknown): LatticeError {
    if (!(error instanceof LatticeError)) throw error;
    return new LatticeError('http-status', error.message, {
      details: { status: error.code === 'sync-unauthorized' ? 401 : 503, peerCode: error.code },
    });
  }

  /**
   * One exchange; `answer` runs at the server. Its answer is lost like any message, and then only the timeout tells.
   */
  function exchange(
    from: number,
    url: string,
    kind: string,
    sent: Bytes,
    life: Life,
    options: { readonly timeoutMs: number; readonly signal?: AbortSignal },
    answer: (sync: SyncService) => Promise<Bytes>,
  ): Promise<Bytes> {
    const to = indexOf(url);
    return withTimeout(scheduler, life, options, (resolve, reject) => {
      let copies = 0;
      wires.carry('http', from, to, kind, sent, 0.5, () => {
        // A replayed request reaches the server, but its answer goes to whoever replayed it.
        const replay = copies++ > 0;
        const back = (bytes: Bytes, settle: () => void): void => {
          if (!replay) wires.carry('http', to, from, `${kind}-answer`, bytes, 0.5, settle);
        };
        const server = servers[to];
        if (server === undefined || !server.life.alive) return back(sent, () => reject(unreachable(url)));
        answer(server.sync).then(
          (bytes) => {
            if (server.life.alive) back(bytes, () => resolve(bytes));
          },
          (error: unknown) => {
            const refused = overTheWire(error);
            if (server.life.alive) back(sent, () => reject(refused));
          },
        );
      });
    });
  }

  return {
    serve(index, sync, life) {
      servers[index] = { sync, life };
    },
    leave(index) {
      servers[index] = undefined;
    },
    lung(index, { life, signer, verifier, random }) {
      const sessions = new Map<string, Session>();

      async function identify(
        url: string,
        options: { readonly timeoutMs: number; readonly signal?: AbortSignal },
      ): Promise<Session> {
        const nonce = random.bytes(16);
        const bytes = await exchange(index, url, 'identify', nonce, life, options, (sync) =>
          Promise.resolve(sync.identify(nonce, url)),
        );
        const answer = decodeIdentity(bytes);
        if (!equalBytes(answer.askerNonce, nonce) || answer.url !== url)
          throw new LatticeError('identity-mismatch', 'a recorded identity');
        if (!(await verifier.verify(answer.author, identitySigningBytes(answer), answer.signature))) {
          throw new LatticeError('bad-signature', 'a forged identity');
        }
        const session = {
          author: answer.author,
          incarnation: bytesToHex(answer.incarnation),
          nonce: answer.sessionNonce,
          counter: 0,
        };
        sessions.set(url, session);
        return session;
      }

      function enclose(session: Session, message: Bytes): { envelope: Bytes; signing: Bytes } {
        const counter = ++session.counter;
        const signing = requestSigningBytes(
          { server: session.author, sessionNonce: session.nonce, counter, message },
          hasher,
        );
        const signature = signer.sign(signing);
        return {
          envelope: encodeRequest({ sessionNonce: session.nonce, counter, author: signer.author, signature, message }),
          signing,
        };
      }

      async function inSession<T>(
        url: string,
        expect: Author | undefined,
        options: { readonly timeoutMs: number; readonly signal?: AbortSignal },
        attempt: (session: Session) => Promise<T>,
      ): Promise<T> {
        const fresh = async (): Promise<Session> => {
          const session = await identify(url, options);
          if (expect !== undefined && session.author !== expect)
            throw new LatticeError('identity-mismatch', `${url} is another node`);
          return session;
        };
        try {
          return await attempt(sessions.get(url) ?? (await fresh()));
        } catch (error) {
          if (!(error instanceof LatticeError) || error.details.status !== 401) throw error;
          return attempt(await fresh());
        }
      }

      return {
        async identify(url, options) {
          const { author, incarnation } = await identify(url, options);
          return { author, incarnation };
        },

        request: (url, message, options) =>
          inSession(url, options.expect, options, async (session) => {
            const { envelope, signing } = enclose(session, message);
            const answer = decodeResponse(
              await exchange(index, url, 'sync', envelope, life, options, (sync) => sync.handle(envelope)),
            );
            if (answer.author !== session.author)
              throw new LatticeError('identity-mismatch', 'answered by another node');
            if (
              !(await verifier.verify(
                answer.author,
                responseSigningBytes(signing, answer.message, hasher),
                answer.signature,
              ))
            ) {
              throw new LatticeError('bad-signature', 'a forged answer');
            }
            return answer.message;
          }),

        stream: (url, { cursor, expect, idleMs, signal }, onFrame) =>
          inSession(url, expect, { timeoutMs: idleMs, signal }, async (session) => {
            const { envelope } = enclose(session, new TextEncoder().encode(cursor ?? ''));
            const to = indexOf(url);
            const pipe = createPipe(to, idleMs, signal, onFrame);
            await exchange(index, url, 'stream', envelope, life, { timeoutMs: idleMs, signal }, async (sync) => {
              const source = await sync.open(envelope, pipe.send, pipe.end);
              pipe.opened(source);
              return envelope;
            }).catch((error: unknown) => {
              pipe.abandon();
              throw error;
            });
            return pipe.ended;
          }),
      };

      /** An open stream: frames in order, each after the one before it was taken; a cut kills it silently. */
      function createPipe(to: number, idleMs: number, signal: AbortSignal, onFrame: (frame: Bytes) => Promise<void>) {
        let lastArrival = 0;
        let underWay = 0;
        let stalled = false;
        let done = false;
        let source: { close(): void } | undefined;
        let settle: { resolve: () => void; reject: (error: unknown) => void } | undefined;
        const queue: Bytes[] = [];
        let taking = false;
        const ended = new Promise<void>((resolve, reject) => {
          settle = { resolve, reject };
        });
        // Whoever never gets to see the stream open hears of the failure elsewhere.
        ended.catch(() => undefined);
        let idle = startIdle();

        function startIdle() {
          return scheduler.after(idleMs, life.name, 'stream-idle', () =>
            finish(new LatticeError('timeout', 'the stream was silent')),
          );
        }

        function closeSource(): void {
          scheduler.after(stalled ? NOTICE_GONE_MS : wires.delay('http'), `n${to}`, 'stream-closed', () =>
            source?.close(),
          );
        }

        function finish(error: unknown): void {
          if (done) return;
          done = true;
          idle.cancel();
          signal.removeEventListener('abort', giveUp);
          closeSource();
          if (!life.alive) return;
          if (error === undefined) settle?.resolve();
          else settle?.reject(error);
        }

        const giveUp = (): void => finish(new LatticeError('aborted', 'the stream was given up'));
        signal.addEventListener('abort', giveUp, { once: true });

        async function take(): Promise<void> {
          taking = true;
          try {
            for (let frame = queue.shift(); frame !== undefined; frame = queue.shift()) {
              if (done) return;
              idle.cancel();
              await onFrame(frame);
              if (!done) idle = startIdle();
            }
          } catch (error) {
            finish(error);
          } finally {
            taking = false;
          }
        }

        /** In order: what is sent later never arrives earlier. */
        function arrive(kind: string, detail: string, run: () => void): void {
          lastArrival = Math.max(lastArrival + 0.001, scheduler.now() + wires.delay('http'));
          scheduler.after(
            lastArrival - scheduler.now(),
            life.name,
            kind,
            () => {
              if (!life.alive) return closeSource();
              if (wires.isCut('http', to, index)) stalled = true;
              if (!stalled && !done) run();
            },
            detail,
          );
        }

        return {
          ended,
          abandon: () => finish(new LatticeError('peer-unreachable', 'the stream did not open')),
          opened(opened: { close(): void }) {
            source = opened;
            if (done) closeSource();
          },
          send(frame: Bytes): boolean {
            // Loss on a stream is a connection that died: rare, as retransmission hides the rest.
            if (wires.isCut('http', to, index) || rng.chance(wires.weather('http').loss * 0.02)) stalled = true;
            if (underWay >= MAX_FRAMES_UNDER_WAY) return false;
            underWay++;
            arrive('stream-frame', `n${to} ${frame.length}`, () => {
              underWay--;
              queue.push(frame);
              if (!taking) void take();
            });
            return true;
          },
          end: () => arrive('stream-end', `n${to}`, () => finish(undefined)),
        };
      }
    },
  };
}
