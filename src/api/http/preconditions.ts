import type { FastifyRequest } from 'fastify';
import { LatticeError } from '../../core/types/index.ts';
import type { WriteOperation } from '../../runtime/facade/index.ts';

/** One entity tag of a conditional header, without its quotes. */
interface EntityTag {
  readonly tag: string;
  readonly weak: boolean;
}

/**
 * One member of a list of entity tags with the comma after it. Members may be empty (RFC 9110 §5.6.1.2, §8.8.3).
 * Versions without quotes are taken too, because people type them so.
 */
const MEMBER = /[ \t]*(?:(?:(W\/)?"([\x21\x23-\x7e\x80-\xff]*)"|([0-9A-Za-z.]+))[ \t]*)?(?:,|$)/y;

/** The quoted ETag of a version. */
export const etagOf = (version: string): string => `"${version}"`;

/** `*` or the tags of a header. MAX_HEADER_BYTES bounds their number. */
function parseTags(header: string, name: string): '*' | readonly EntityTag[] {
  if (header.trim() === '*') return '*';
  const tags: EntityTag[] = [];
  for (let at = 0; at < header.length; at = MEMBER.lastIndex) {
    MEMBER.lastIndex = at;
    const match = MEMBER.exec(header);
    if (match === null)
      throw new LatticeError('invalid-header', `${name} must be * or versions in quotes, separated by commas`);
    const tag = match[2] ?? match[3];
    if (tag !== undefined) tags.push({ tag, weak: match[1] !== undefined });
  }
  return tags;
}

/**
 * The tags that can match in If-Match, which compares strongly, so that weak tags match nothing (RFC 9110 §8.8.3.2).
 */
const strongTags = (tags: readonly EntityTag[]): string[] => tags.filter((t) => !t.weak).map((t) => t.tag);

/**
 * The If-Match and If-None-Match of a write (RFC 9110 §13.1), as conditions that the write itself checks. Throws
 * LatticeError `invalid-header`.
 */
export function writeConditions(request: FastifyRequest): Pick<WriteOperation, 'ifMatch' | 'ifNoneMatch'> {
  const match = request.headers['if-match'];
  const noneMatch = request.headers['if-none-match'];
  const conditions: { ifMatch?: string | readonly string[]; ifNoneMatch?: string | readonly string[] } = {};
  if (match !== undefined) {
    const tags = parseTags(match, 'If-Match');
    const strong = tags === '*' ? [] : strongTags(tags);
    const [only] = strong;
    if (tags === '*') conditions.ifMatch = '*';
    // A single version is a text, as in the operations of a commit. The tag "*" in quotes is no wildcard and stays in a
    // list.
    else conditions.ifMatch = strong.length === 1 && only !== undefined && only !== '*' ? only : strong;
  }
  if (noneMatch !== undefined) {
    const tags = parseTags(noneMatch, 'If-None-Match');
    conditions.ifNoneMatch = tags === '*' ? '*' : tags.map((t) => t.tag);
  }
  return conditions;
}

/** Whether the reader's If-None-Match says that it has this version already. Throws LatticeError `invalid-header`. */
export function isHeld(request: FastifyRequest, version: string): boolean {
  const header = request.headers['if-none-match'];
  if (header === undefined) return false;
  const tags = parseTags(header, 'If-None-Match');
  return tags === '*' || tags.some((t) => t.tag === version);
}

/**
 * Evaluates the conditions of a read of what has the ETag `"version"`, in the order of RFC 9110 §13.2.2. True means
 * that the answer is 304. Throws LatticeError `precondition-failed` when If-Match names only other versions, and
 * `invalid-header`.
 */
export function isNotModified(request: FastifyRequest, version: string): boolean {
  const match = request.headers['if-match'];
  if (match !== undefined) {
    const tags = parseTags(match, 'If-Match');
    if (tags !== '*' && !strongTags(tags).includes(version))
      throw new LatticeError('precondition-failed', `this is at version ${version}`, {
        next: 'read it without If-Match',
      });
  }
  return isHeld(request, version);
}
