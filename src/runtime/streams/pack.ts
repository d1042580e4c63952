import { type Author, type Bytes, type Fragment, GOSSIP_TARGET_BYTES } from '../../core/types/index.ts';
import { encodeFragment, encodeGossip } from '../../core/wire/index.ts';

/** How many fragments one message has at most (SPEC G2). */
const MAX_FRAGMENTS = 256;

/** Packs fragments into gossip messages of about the target size, each with commits of one author only (SPEC G4). */
export function packFragments(fragments: readonly Fragment[]): Bytes[] {
  const messages: Bytes[] = [];
  let open: Bytes[] = [];
  let author: Author | undefined;
  let size = 0;
  const flush = (): void => {
    if (open.length > 0) messages.push(encodeGossip({ type: 'commits', fragments: open }));
    open = [];
    size = 0;
  };
  for (const fragment of fragments) {
    const bytes = encodeFragment(fragment);
    const full = open.length >= MAX_FRAGMENTS || size + bytes.length > GOSSIP_TARGET_BYTES;
    if (author !== fragment.header.author || full) flush();
    author = fragment.header.author;
    open.push(bytes);
    size += bytes.length;
  }
  flush();
  return messages;
}
