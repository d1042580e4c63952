import type { FastifyRequest } from 'fastify';
import { LatticeError } from '../../core/types/index.ts';
import type { WriteOperation } from '../../runtime/facade/facade.ts';

/** One entity tag of a conditional header. */
interface EntityTag {
  readonly tag: string;
  readonly weak: boolean;
}

/** Entity tags in one header: more than any client keeps. */
const MAX_TAGS = 16;

/** The quoted ETag of a version. */
export const etagOf = (version: string): string => `"${version}"`;

/** `*` or the list of tags. Bare versions without quotes are taken too: that is what people type. */
function parseTags(header: string, name: string): '*' | readonly EntityTag[] {
  if (header.trim() === '*') return '*';
  const tags = header.split(',').map((part): EntityTag => {
    const match = /^(W\/)?(?:"([\x21\x23-\x7e]*)"|([0-9A-Za-z.]+))$/.exec(part.trim());
    if (match === null)
      throw new LatticeError('invalid-header', `${name} must be * or versions in quotes, separated by commas`);
    return { tag: match[2] ?? match[3] ?? '', weak: match[1] !== undefined };
  });
  if (tags.length > MAX_TAGS) throw new LatticeError('invalid-header', `${name} may name at most ${MAX_TAGS} versions`);
  return tags;
}

/**
 * The If-Match and If-None-Match of a write (RFC 9110 §13), as conditions that the write itself checks. LatticeError
 * `invalid-header`.
 */
export function writeConditions(request: FastifyRequest): Pick<WriteOperation, 'ifMatch' | 'ifNoneMatch'> {
  const match = request.headers['if-match'];
  const noneMatch = request.headers['if-none-match'];
  if (noneMatch !== undefined && parseTags(noneMatch, 'If-None-Match') !== '*') {
    throw new LatticeError('invalid-header', 'a write takes only If-None-Match: *', {
      next: 'use If-Match with the version you have seen',
    });
  }
  const absent = noneMatch === undefined ? {} : { ifNoneMatch: '*' as const };
  if (match === undefined) return absent;
  const tags = parseTags(match, 'If-Match');
  if (tags === '*') return { ...absent, ifMatch: '*' };
  // If-Match compares strongly: weak tags match nothing.
  const strong = tags.filter((t) => !t.weak).map((t) => t.tag);
  return { ...absent, ifMatch: strong.length === 1 ? (strong[0] as string) : strong };
}

/** Whether the reader's If-None-Match says that it has this version already. LatticeError `invalid-header`. */
export function isNotModified(request: FastifyRequest, version: string): boolean {
  const header = request.headers['if-none-match'];
  if (header === undefined) return false;
  const tags = parseTags(header, 'If-None-Match');
  return tags === '*' || tags.some((t) => t.tag === version);
}
