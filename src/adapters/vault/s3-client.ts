import { setMaxListeners } from 'node:events';
import { Agent, type Dispatcher, request as send } from 'undici';
import { type Bytes, bytesToHex, concatBytes, type Hasher, LatticeError } from '../../core/types/index.ts';
import type { Clock, Random } from '../../ports/index.ts';
import { backoff, sleep } from '../../timing/index.ts';
import { closedError } from './errors.ts';
import { connectionError, isPassing, isPassingCause, refusalError, type S3Refusal } from './s3-errors.ts';
import { textOf } from './s3-xml.ts';

/** How a bucket of an S3-compatible service is reached. */
export interface S3Settings {
  /** Base URL of the service, without the bucket. */
  readonly endpoint: string;
  readonly bucket: string;
  /** What the keys of all objects begin with; empty or with a slash at its end. */
  readonly prefix: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

export interface S3ClientDeps {
  readonly hasher: Hasher;
  readonly clock: Clock;
  readonly random: Pick<Random, 'fraction'>;
}

export interface S3Request {
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE';
  /** Key of an object below the prefix; the bucket itself where there is none. */
  readonly key?: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Bytes;
  /** Whether it is sent once only, so that a service that is away is told at once. */
  readonly once?: boolean;
}

export interface S3Answer {
  readonly status: number;
  header(name: string): string;
  /** The body as it comes. Whoever does not want it calls `drop`. */
  readonly body: AsyncIterable<Bytes>;
  text(): Promise<string>;
  drop(): Promise<void>;
}

export interface Tries {
  /** Waits after a failure, longer after each. False once the tries have taken too long, and after `close`. */
  again(): Promise<boolean>;
}

export interface S3Client {
  /**
   * Sends a signed request, again where a failure may pass. Undefined where the object is not there (404). Rejects with
   * LatticeError `vault-store-failed` or `disk-full`.
   */
  send(request: S3Request): Promise<S3Answer | undefined>;
  /** Begins to count tries of one thing. */
  tries(): Tries;
  /** What a connection that failed on the way is told as. */
  failure(cause: unknown): LatticeError;
  close(): Promise<void>;
}

/** A service that takes longer to accept a connection counts as away. */
const CONNECT_MS = 10_000;
/** A service that says nothing for so long has lost the request; completing a large upload takes some tens of seconds. */
const SILENT_MS = 60_000;
/** Connections at once: readers hold one each for as long as they read. */
const CONNECTIONS = 64;
/** No new try begins after this time: whoever waits for the answer is told then. */
const TRY_MS = 30_000;
/** Most bytes of an answer that is read as a whole: a list of a thousand objects has a third of a megabyte. */
const MAX_TEXT_BYTES = 4 * 1024 * 1024;

const waitAfter = backoff({ minMs: 200, maxMs: 5000, jitter: 'equal' });

/**
 * Opens the client of a bucket. Requests are signed by AWS Signature Version 4 with the SHA-256 of their body, so that
 * the service refuses a body that was changed on its way. Signing needs the package `aws4fetch`, which is loaded here.
 *
 * Rejects with LatticeError `vault-store-failed` where the package is missing.
 */
export async function createS3Client(settings: S3Settings, deps: S3ClientDeps): Promise<S3Client> {
  const { AwsV4Signer } = await loadSigner();
  const { hasher, clock, random } = deps;
  const base = settings.endpoint.replace(/\/+$/, '');
  const place = { bucket: settings.bucket, endpoint: base };
  const agent = new Agent({
    connections: CONNECTIONS,
    headersTimeout: SILENT_MS,
    bodyTimeout: SILENT_MS,
    connect: { timeout: CONNECT_MS },
  });
  /** Keys derived from the secret, one a day and region. */
  const cache = new Map<string, ArrayBuffer>();
  const closed = new AbortController();
  // Every request that waits for its next try listens to it.
  setMaxListeners(0, closed.signal);

  async function attempt(request: S3Request): Promise<Dispatcher.ResponseData> {
    const { method, key, query = {}, body } = request;
    const path = [settings.bucket, ...(key === undefined ? [] : (settings.prefix + key).split('/'))];
    const url = new URL(`${base}/${path.map(encode).join('/')}`);
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
    const signer = new AwsV4Signer({
      method,
      url: url.toString(),
      headers: {
        ...request.headers,
        'x-amz-content-sha256': bytesToHex(hasher.hash(body ?? new Uint8Array(0))),
      },
      service: 's3',
      region: settings.region,
      accessKeyId: settings.accessKeyId,
      secretAccessKey: settings.secretAccessKey,
      ...(settings.sessionToken === undefined ? {} : { sessionToken: settings.sessionToken }),
      datetime: new Date(clock.now()).toISOString().replaceAll(/[:-]|\.\d{3}/g, ''),
      cache,
    });
    const signed = await signer.sign();
    return await send(signed.url, {
      method,
      headers: Object.fromEntries(signed.headers.entries()),
      body: body ?? null,
      dispatcher: agent,
    });
  }

  const failure = (cause: unknown): LatticeError =>
    closed.signal.aborted ? closedError() : connectionError(place, cause);

  async function refusalOf(response: Dispatcher.ResponseData): Promise<S3Refusal> {
    const xml = await readText(response.body);
    const date = Date.parse(headerOf(response, 'date'));
    return {
      status: response.statusCode,
      name: textOf(xml, 'Code'),
      message: textOf(xml, 'Message'),
      region: textOf(xml, 'Region') || headerOf(response, 'x-amz-bucket-region'),
      aheadMs: Number.isNaN(date) ? undefined : date - clock.now(),
    };
  }

  function tries(): Tries {
    const since = clock.monotonic();
    let failures = 0;
    return {
      async again() {
        const ms = waitAfter(++failures, random.fraction());
        if (clock.monotonic() + ms - since > TRY_MS) return false;
        await sleep(clock, ms, closed.signal);
        return !closed.signal.aborted;
      },
    };
  }

  return {
    failure,
    tries,
    async send(request) {
      const sent = tries();
      for (;;) {
        let told: LatticeError;
        try {
          if (closed.signal.aborted) throw closedError();
          const response = await attempt(request);
          if (response.statusCode < 300) return answerOf(response, failure);
          const refusal = await refusalOf(response);
          // The bucket's being away is told as that; without a body, as of HEAD, the object is what is not there.
          if (refusal.status === 404 && request.key !== undefined && refusal.name !== 'NoSuchBucket') return undefined;
          told = refusalError(place, refusal);
          if (!isPassing(refusal)) throw told;
        } catch (cause) {
          told = failure(cause);
          if (!isPassingCause(cause)) throw told;
        }
        if (request.once === true || !(await sent.again())) throw told;
      }
    },
    async close() {
      closed.abort();
      await agent.destroy();
    },
  };
}

async function loadSigner(): Promise<typeof import('aws4fetch')> {
  try {
    return await import('aws4fetch');
  } catch (cause) {
    throw new LatticeError('vault-store-failed', 'A vault in a bucket needs the package aws4fetch, which is missing', {
      next: 'Install it beside the node: npm install aws4fetch@1.0.20',
      cause,
    });
  }
}

/** One part of a path, in the form that signatures are computed from (RFC 3986). */
function encode(part: string): string {
  return encodeURIComponent(part).replaceAll(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
}

function headerOf(response: Dispatcher.ResponseData, name: string): string {
  const value = response.headers[name];
  return typeof value === 'string' ? value : (value?.[0] ?? '');
}

function answerOf(response: Dispatcher.ResponseData, failure: (cause: unknown) => LatticeError): S3Answer {
  return {
    status: response.statusCode,
    header: (name) => headerOf(response, name),
    body: chunksOf(response.body),
    async text() {
      try {
        return await readText(response.body);
      } catch (cause) {
        throw failure(cause);
      }
    },
    async drop() {
      try {
        await response.body.dump();
      } catch {
        // The answer was good; what comes after it does not matter.
      }
    },
  };
}

async function* chunksOf(body: AsyncIterable<unknown>): AsyncGenerator<Bytes, void> {
  for await (const chunk of body)
    if (chunk instanceof Uint8Array) yield new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength);
}

async function readText(body: AsyncIterable<unknown>): Promise<string> {
  const chunks: Bytes[] = [];
  let length = 0;
  for await (const chunk of chunksOf(body)) {
    length += chunk.length;
    if (length > MAX_TEXT_BYTES) throw new Error(`an answer has more than ${MAX_TEXT_BYTES} bytes`);
    chunks.push(chunk);
  }
  return new TextDecoder().decode(concatBytes(...chunks));
}
