import { checkKey, parseJson } from '../core/cbor/index.ts';
import { bytesToText, utf8Length } from '../core/cbor/text.ts';
import { MAX_REFS } from '../core/merkle/leaf.ts';
import { MAX_CHAIN } from '../core/roster/index.ts';
import { type Bytes, type JsonValue, LatticeError, MAX_DEPTH, MAX_NETWORK_BYTES } from '../core/types/index.ts';

/**
 * Most bytes of a document (SPEC P5): 256 siblings of 80 KiB in base64url fit with some rosters, or 256 of the largest
 * rosters with some siblings.
 */
export const MAX_DOCUMENT_BYTES = 32 * 1024 * 1024;

const FORMAT = 'diotec360-lattice-proof/1';
const HEX_32 = /^[0-9a-f]{64}$/;
/** What every document has besides `head` or `certificate`, `value` when it is one of presence, and `rosters`. */
const MEMBERS = ['format', 'key', 'kind', 'root', 'network', 'merkle', 'fragments'] as const;
const BASE64URL = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

/** The fields of a proof document. Nothing of what they say has been verified. */
export interface DocumentFields {
  readonly key: string;
  readonly kind: 'present' | 'deleted' | 'expired' | 'absent';
  /** 64 hex digits. */
  readonly root: string;
  readonly network: string;
  readonly merkle: Bytes;
  readonly fragments: readonly Bytes[];
  /** What names the root. */
  readonly anchor: { readonly kind: 'head' | 'certificate'; readonly bytes: Bytes };
  /** The certificates of later rosters than the configured one, in order of their epochs; empty where none go along. */
  readonly rosters: readonly Bytes[];
  /** Undefined unless `kind` is `present`. */
  readonly value: JsonValue | undefined;
}

/**
 * The value that a text or its bytes are, read strictly: UTF-8 with at most one byte order mark at its start, no name
 * twice in an object, numbers that lose no digit, bounded depth (SPEC V6, P5). LatticeError `proof-malformed`.
 */
export function parseDocument(document: string | Bytes): JsonValue {
  if (document.length > MAX_DOCUMENT_BYTES) throw malformed(`it has more than ${MAX_DOCUMENT_BYTES} bytes`);
  try {
    const text = typeof document === 'string' ? document : bytesToText(document);
    // A value within the document nests as deep as a value may.
    return parseJson(text.startsWith('\uFEFF') ? text.slice(1) : text, MAX_DEPTH + 1, { exactNumbers: true });
  } catch (cause) {
    if (!(cause instanceof LatticeError)) throw cause;
    throw malformed(cause.message);
  }
}

/**
 * The fields of a proof document (SPEC P5), which may have nothing but what its kind has. It is JSON text, its bytes,
 * or the object that the text says; members that are undefined are none. LatticeError `proof-malformed`.
 */
export function readProofDocument(document: unknown): DocumentFields {
  const value = typeof document === 'string' || document instanceof Uint8Array ? parseDocument(document) : document;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw malformed('it is not a JSON object');
  const fields = value as Readonly<Record<string, unknown>>;
  if (fields['format'] !== FORMAT) throw malformed(`"format" is not ${FORMAT}`);
  const text = (name: string): string => {
    const member = fields[name];
    if (typeof member !== 'string') throw malformed(`"${name}" is missing or not text`);
    return member;
  };
  const kind = text('kind');
  if (kind !== 'present' && kind !== 'deleted' && kind !== 'expired' && kind !== 'absent')
    throw malformed('"kind" is not present, deleted, expired or absent');

  const anchored = fields['certificate'] === undefined ? 'head' : 'certificate';
  const allowed: readonly string[] = [...MEMBERS, anchored, 'rosters', ...(kind === 'present' ? ['value'] : [])];
  for (const name of Object.keys(fields)) {
    if (fields[name] === undefined || allowed.includes(name)) continue;
    throw malformed(`a document of kind ${kind} with "${anchored}" has no "${shortened(name)}"`);
  }
  if (kind === 'present' && fields['value'] === undefined) throw malformed('"value" is missing');

  const fragments = fields['fragments'];
  if (!Array.isArray(fragments)) throw malformed('"fragments" is missing or not a list');
  if ((fragments.length === 0) !== (kind === 'absent') || fragments.length > MAX_REFS)
    throw malformed(
      `${fragments.length} fragments: an absent key has none, and every other one 1 to ${MAX_REFS}, one for each sibling`,
    );
  const root = text('root');
  if (!HEX_32.test(root)) throw malformed('"root" is not 64 lower-case hex digits');
  return {
    key: keyOf(text('key')),
    kind,
    root,
    network: networkOf(text('network')),
    merkle: fromBase64url(text('merkle'), 'merkle'),
    fragments: fragments.map((fragment) => fromBase64url(fragment, 'fragments')),
    anchor: { kind: anchored, bytes: fromBase64url(text(anchored), anchored) },
    rosters: rostersOf(fields['rosters']),
    value: fields['value'] as JsonValue | undefined,
  };
}

/** The member `rosters` of a document, which a fleet that never changed leaves out. LatticeError `proof-malformed`. */
export function rostersOf(rosters: unknown): readonly Bytes[] {
  if (rosters === undefined) return [];
  if (!Array.isArray(rosters) || rosters.length === 0 || rosters.length > MAX_CHAIN)
    throw malformed(`"rosters" is not a list of 1 to ${MAX_CHAIN} roster certificates`);
  return rosters.map((one) => fromBase64url(one, 'rosters'));
}

function keyOf(key: string): string {
  try {
    return checkKey(key);
  } catch (cause) {
    if (!(cause instanceof LatticeError)) throw cause;
    throw malformed(`"key": ${cause.message}`);
  }
}

export function networkOf(network: string): string {
  const length = utf8Length(network);
  if (length < 1 || length > MAX_NETWORK_BYTES)
    throw malformed(`"network" is not 1 to ${MAX_NETWORK_BYTES} bytes of UTF-8`);
  return network;
}

/**
 * The bytes of a base64url text without padding, whose unused bits are zero, so that bytes have one text (RFC 4648
 * §3.5, §5). LatticeError `proof-malformed`, which calls the text `name`.
 */
export function fromBase64url(text: unknown, name: string): Bytes {
  if (typeof text !== 'string' || !/^[A-Za-z0-9_-]*$/.test(text) || text.length % 4 === 1)
    throw malformed(`"${name}" is not base64url`);
  const unused = text.length % 4 === 2 ? 0b1111 : text.length % 4 === 3 ? 0b11 : 0;
  if ((BASE64URL.indexOf(text.charAt(text.length - 1)) & unused) !== 0)
    throw malformed(`the unused bits at the end of "${name}" are not zero`);
  // Browsers, in which the dashboard runs these checks, have no Buffer.
  return Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (c) => c.charCodeAt(0));
}

function shortened(name: string): string {
  return name.length > 40 ? `${name.slice(0, 40)}…` : name;
}

const NEXT = 'Do not rely on this file. Fetch it again from a node of the fleet.';

export function malformed(why: string): LatticeError {
  return new LatticeError('proof-malformed', `the document is malformed: ${why}`, { next: NEXT });
}

export function invalid(why: string): LatticeError {
  return new LatticeError('proof-invalid', `the proof does not hold: ${why}`, { next: NEXT });
}

/** Runs `run`, whose LatticeErrors become those of a document. `what` names the part that they are about. */
export function decode<T>(what: string, run: () => T): T {
  try {
    return run();
  } catch (cause) {
    throw asDocumentError(what, cause);
  }
}

/** The error of a document for one of a part of it. What is no LatticeError is thrown again as it is. */
export function asDocumentError(what: string, cause: unknown): LatticeError {
  if (!(cause instanceof LatticeError)) throw cause;
  if (cause.code === 'malformed' || cause.code === 'unknown-version') return malformed(`${what}: ${cause.message}`);
  if (cause.code.startsWith('proof-') || cause.code === 'trust-needed') return cause;
  return invalid(cause.message);
}
