import { type OriginalNumber, type OriginalValue, parseOriginalJson } from '../core/original/json.ts';
import { type Author, hexToBytes, LatticeError } from '../core/types/index.ts';
import type { Clock, Verifier } from '../ports/index.ts';
import { withDeadline } from '../timing/index.ts';
import { planText } from './make-plan.ts';
import type { Plan, ReadContext, Refusal, Source } from './plan.ts';
import { MAX_FILE_BYTES } from './read-file.ts';

export interface LiveOptions {
  readonly verifier: Verifier;
  /** Whose signature counts. With nobody's, the root alone is checked. */
  readonly signers: readonly Author[];
  /** Whether a state without a signature is refused. The signature of anybody else always is. */
  readonly mustSign: boolean;
  readonly clock: Clock;
  /** The longest answer in bytes, after any compression. Default: as long as a file may be. */
  readonly maxBytes?: number;
}

/** How long a whole answer may take: a state of 256 MiB over a slow line. */
const ANSWER_MS = 120_000;
/** How long an answer may say nothing. The original computes a large state for some seconds before its first byte. */
const SILENCE_MS = 20_000;
/** How often a state is asked for whose root is not its own, because it changed while it was being sent. */
const MAX_READS = 3;
/** How old a signed state may be, and how far ahead: clocks differ, and an older signature may be shown again. */
const MAX_AGE_S = 600;
const STATE_PATH = '/api/lattice/state';
const utf8 = new TextEncoder();

/** Whether a path names a running node instead of a file. */
export const isUrl = (path: string): boolean => /^https?:\/\//i.test(path);

/** The base URL of a node: without its path of the state, and without a slash at its end. */
export function baseUrlOf(url: string): string {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed === undefined || parsed.username !== '' || parsed.search !== '' || parsed.hash !== '') {
    throw new LatticeError('usage', `${JSON.stringify(url.replace(/\/\/[^/]*@/, '//…@'))} is no base URL of a node`, {
      next: 'Give it as http://HOST:PORT, without a user, query or fragment.',
    });
  }
  return parsed.href.replace(/\/+$/, '').replace(/\/api\/lattice\/state$/, '');
}

/**
 * Reads the state of a running node of the original. A state that changes while it is sent is asked for again. Rejects
 * with LatticeError `usage`, `unreachable`, `timeout`, `answer-too-large`, `http-status`, or the reason of an aborted
 * signal; what it answers badly is a refusal in the plan.
 */
export async function planLive(url: string, options: LiveOptions, context: ReadContext): Promise<Plan> {
  const source: Source = { kind: 'live', at: baseUrlOf(url) };
  for (let read = 1; ; read++) {
    const text = await fetchText(source.at + STATE_PATH, options, context);
    const plan = planText(source, text, context);
    const [refusal] = plan.refused;
    const mismatch = refusal?.code === 'snapshot-root-mismatch';
    if (mismatch && read < MAX_READS) continue;
    if (mismatch) return { ...plan, refused: [await explain(source, refusal, options, context)] };
    if (refusal !== undefined || plan.items.length === 0) return plan;
    return await withSignature(plan, source, text, options, context);
  }
}

/** Says of a root that is never right whether the node is one of this system, whose roots are of another kind. */
async function explain(source: Source, refusal: Refusal, options: LiveOptions, context: ReadContext): Promise<Refusal> {
  const ours = await fetchText(`${source.at}/api/v1/status`, options, context).then(
    (text) => text.includes('"incarnation"'),
    () => false,
  );
  if (ours) {
    return {
      ...refusal,
      reason: 'it is a node of this system, whose roots are of another kind',
      next: 'Nothing has to be imported from it: make the two nodes peers, and they sync.',
      takenUnverified: false,
    };
  }
  return { ...refusal, next: `It was asked ${MAX_READS} times. With --unverified its state is taken as it is.` };
}

/** Checks the signature of an answer whose root is right; the root covers the state, and the signature the root. */
async function withSignature(
  plan: Plan,
  source: Source,
  text: string,
  { verifier, signers, mustSign, clock }: LiveOptions,
  { unverified }: ReadContext,
): Promise<Plan> {
  const fields = parseOriginalJson(text) as ReadonlyMap<string, OriginalValue>;
  const named = fields.get('merkle_root');
  // Python writes None for a root that there is not, as before the first write.
  const root = typeof named === 'string' ? named : 'None';
  const signature = fields.get('signature');
  const timestamp = (fields.get('timestamp') as OriginalNumber | undefined)?.text;
  const bytes = typeof signature === 'string' ? hexToBytes(signature) : undefined;
  if (signers.length === 0 || (bytes === undefined && !mustSign)) {
    const by = bytes === undefined ? 'The node does not sign its state' : 'Its signature was not checked';
    return {
      ...plan,
      remarks: [...plan.remarks, `${by}: name the public key of the node with --trust to have it checked.`],
    };
  }
  const refuse = (reason: string): Plan => {
    const refusal: Refusal = {
      source,
      code: 'bad-signature',
      reason,
      next: 'Name the public key of that node with --trust. With --unverified its state is taken as it is.',
      takenUnverified: true,
    };
    if (!unverified) return { ...plan, items: [], refused: [refusal] };
    return { ...plan, items: plan.items.map((item) => ({ ...item, checked: { verified: false, because: reason } })) };
  };
  if (bytes === undefined) return refuse('it is not signed');
  const message = utf8.encode(`${root}:${timestamp ?? ''}`);
  let signer: Author | undefined;
  for (const author of signers)
    if (signer === undefined && (await verifier.verify(author, message, bytes))) signer = author;
  if (signer === undefined) return refuse('its signature is by none of the keys that are asked for');
  const age = clock.now() / 1000 - Number(timestamp);
  if (Math.abs(age) > MAX_AGE_S)
    return refuse(`its signature is of another time: ${Math.round(Math.abs(age))} s ${age > 0 ? 'ago' : 'ahead'}`);
  const by = `its own Merkle root ${root}, signed by ${signer}`;
  return { ...plan, items: plan.items.map((item) => ({ ...item, checked: { verified: true, by } })) };
}

/** The text of an answer, bounded in bytes (after any compression) and in time, and never that of another address. */
async function fetchText(url: string, options: LiveOptions, { signal, progress }: ReadContext): Promise<string> {
  signal?.throwIfAborted();
  try {
    return await withDeadline(
      options.clock,
      ANSWER_MS,
      (within) => readAnswer(url, options, within, progress),
      () => timeout(url, ANSWER_MS),
      signal,
    );
  } catch (cause) {
    signal?.throwIfAborted();
    if (cause instanceof LatticeError) throw cause;
    throw new LatticeError('unreachable', `${url} does not answer: ${reasonOf(cause)}`, {
      next: 'Check that the original node runs, and that this address leads to it.',
      cause,
    });
  }
}

async function readAnswer(
  url: string,
  { clock, maxBytes = MAX_FILE_BYTES }: LiveOptions,
  within: AbortSignal,
  progress: ReadContext['progress'],
): Promise<string> {
  const silent = new AbortController();
  const wait = () => clock.after(SILENCE_MS, () => silent.abort(timeout(url, SILENCE_MS)));
  let silence = wait();
  try {
    const headers = { accept: 'application/json', 'accept-encoding': 'identity' };
    const signal = AbortSignal.any([within, silent.signal]);
    const answer = await fetch(url, { headers, redirect: 'manual', signal });
    if (answer.status !== 200) {
      await answer.body?.cancel();
      throw statusError(url, answer.status, answer.headers.get('location'));
    }
    const chunks: Uint8Array[] = [];
    let size = 0;
    for await (const chunk of (answer.body ?? []) as AsyncIterable<Uint8Array>) {
      silence.cancel();
      silence = wait();
      size += chunk.length;
      if (size > maxBytes) throw tooLarge(url, maxBytes);
      chunks.push(chunk);
      progress?.('bytes of the state read', size);
    }
    return new TextDecoder('utf-8').decode(Buffer.concat(chunks));
  } catch (cause) {
    if (silent.signal.aborted) throw silent.signal.reason;
    throw cause;
  } finally {
    silence.cancel();
  }
}

/** What `fetch` hides behind "fetch failed": the code of the system, where there is one. */
function reasonOf(cause: unknown): string {
  const inner = cause instanceof Error ? (cause.cause ?? cause) : cause;
  if (inner instanceof Error) return 'code' in inner ? String(inner.code) : inner.message;
  return String(inner);
}

const timeout = (url: string, ms: number): LatticeError =>
  new LatticeError('timeout', `${url} did not answer within ${ms / 1000} s`, {
    next: 'Run the import again, or import its snapshot.json.',
  });

const tooLarge = (url: string, bytes: number): LatticeError =>
  new LatticeError('answer-too-large', `the answer of ${url} has more than ${bytes} bytes`, {
    next: 'Check that the URL is that of a node of the original.',
  });

function statusError(url: string, status: number, location: string | null): LatticeError {
  const redirect = status >= 300 && status < 400;
  const target = location === null ? 'another address' : location.slice(0, 200);
  return new LatticeError(
    'http-status',
    redirect ? `${url} redirects to ${target}` : `${url} answered with status ${status}`,
    {
      next: redirect
        ? 'Nothing is read from where it leads. Name that address, where it is the node that you mean.'
        : 'Check that the URL is that of a node of the original.',
      details: { status },
    },
  );
}
