import { type OriginalNumber, type OriginalValue, parseOriginalJson } from '../core/original/json.ts';
import { type Author, hexToBytes, LatticeError, parseUrl } from '../core/types/index.ts';
import type { Clock, Verifier } from '../ports/index.ts';
import { type AuditCounts, readLiveAudit } from './live-audit.ts';
import { fetchText } from './live-fetch.ts';
import { readLiveVault } from './live-vault.ts';
import { planText } from './make-plan.ts';
import { ALL_PARTS, type Part, type Plan, type ReadContext, type Refusal, type Source } from './plan.ts';

export interface LiveOptions {
  readonly verifier: Verifier;
  /** Whose signature counts. With nobody's, the root alone is checked. */
  readonly signers: readonly Author[];
  /** Whether a state without a signature is refused. The signature of anybody else always is. */
  readonly mustSign: boolean;
  readonly clock: Clock;
  /** The longest answer in bytes, after any compression. Default: as long as a file may be. */
  readonly maxBytes?: number;
  /** What is taken. The state is read and checked in any case: it shows that it is a node of the original. */
  readonly parts?: ReadonlySet<Part>;
  /** What earlier rounds took beside the state, which is not read again. */
  readonly memory?: LiveMemory;
}

/** What rounds of one import have taken of a running node beside its state. */
export interface LiveMemory {
  /** Hashes of files of its vault, and the numbers of its executions and attacks. */
  readonly taken: () => { readonly files: ReadonlySet<string>; readonly counts: AuditCounts };
  /** Notes what a round has read. */
  read(files: readonly string[], counts: AuditCounts): void;
  /** What was read last has been taken as a whole. */
  keep(): void;
}

export function createLiveMemory(): LiveMemory {
  const files = new Set<string>();
  let counts: AuditCounts = {};
  let pending: { readonly files: readonly string[]; readonly counts: AuditCounts } = { files: [], counts };
  return {
    taken: () => ({ files, counts }),
    read: (read, told) => (pending = { files: read, counts: told }),
    keep() {
      for (const hash of pending.files) files.add(hash);
      counts = { ...counts, ...pending.counts };
      pending = { files: [], counts: {} };
    },
  };
}

/** How often a state is asked for whose root is not its own, because it changed while it was being sent. */
const MAX_READS = 3;
/** How old a signed state may be, and how far ahead: clocks differ, and an older signature may be shown again. */
const MAX_AGE_S = 600;
const STATE_PATH = '/api/lattice/state';
const NOT_OVER_HTTP =
  'Over HTTP the original gives no certificates, signed bundles and precedents, no wal.log and no metrics: import its ' +
  'directory for them.';
const utf8 = new TextEncoder();

/** Whether a path names a running node instead of a file. */
export const isUrl = (path: string): boolean => /^https?:\/\//i.test(path);

/** The base URL of a node: without its path of the state, and without a slash at its end. */
export function baseUrlOf(url: string): string {
  const parsed = parseUrl(url);
  if (parsed === undefined || parsed.username !== '' || parsed.search !== '' || parsed.hash !== '') {
    throw new LatticeError(
      'usage',
      `${JSON.stringify(url.replace(/\/\/[^/]*@/, '//…@'))} is not the base URL of a node`,
      {
        next: 'Give it as http://HOST:PORT, without a user, query or fragment.',
      },
    );
  }
  return parsed.href.replace(/\/+$/, '').replace(/\/api\/lattice\/state$/, '');
}

/**
 * Reads what a running node of the original serves: its state, which is asked for again where it changes while it is
 * sent, then executions, attacks and files of its vault. Of a node whose state is refused nothing else is read. Rejects
 * with LatticeError `usage`, or while the state is read `unreachable`, `timeout`, `answer-too-large`, `http-status`, or
 * with the reason of an aborted signal; what it answers badly is a refusal in the plan.
 */
export async function planLive(url: string, options: LiveOptions, context: ReadContext): Promise<Plan> {
  const source: Source = { kind: 'live', at: baseUrlOf(url) };
  const plan = await planState(source, options, context);
  if (plan.items.length === 0) return plan;
  const { parts = ALL_PARTS, memory } = options;
  const items = parts.has('state') ? [...plan.items] : [];
  const refused = [...plan.refused];
  const remarks = [...plan.remarks];
  const taken = memory?.taken() ?? { files: new Set<string>(), counts: {} };
  let counts: AuditCounts = {};
  if (parts.has('audit')) {
    const audit = await readLiveAudit(source, taken.counts, options, context);
    items.push(...audit.items);
    refused.push(...audit.refused);
    remarks.push(...(audit.remarks ?? []));
    if (audit.refused.length === 0) ({ counts } = audit);
  }
  let files: readonly string[] = [];
  if (parts.has('vault')) {
    const vault = await readLiveVault(source, taken.files, options, context);
    items.push(...vault.items);
    refused.push(...vault.refused);
    remarks.push(...(vault.remarks ?? []));
    files = vault.hashes;
  }
  memory?.read(files, counts);
  if (parts.size > 1) remarks.push(NOT_OVER_HTTP);
  return { ...plan, items, refused, remarks };
}

async function planState(source: Source, options: LiveOptions, context: ReadContext): Promise<Plan> {
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
