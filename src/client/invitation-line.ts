/** Where a node of the fleet is reached. */
export interface InvitedTo {
  readonly peerId: string;
  /** The base URL of its API. */
  readonly url?: string;
  readonly multiaddrs: readonly string[];
}

/** What the line of an invitation says (SPEC JN3). */
export interface Invited {
  readonly network: string;
  /** Of the roster that the inviting nodes went by. */
  readonly epoch: number;
  /** Its hash, 64 hex digits. */
  readonly hash: string;
  /** 64 hex digits. Whoever has it may ask. */
  readonly secret: string;
  /** Unix ms. */
  readonly expires: number;
  readonly name: string;
  readonly role: 'writer' | 'mirror';
  readonly nodes: readonly InvitedTo[];
}

/** What a line begins with, so that people and programs know it from other text. */
export const INVITATION_HEAD = 'lattice-invitation-1:';

/** The line with which a newcomer joins: one word, which `lattice join` takes. */
export function writeInvitation(invited: Invited): string {
  const bytes = new TextEncoder().encode(JSON.stringify(invited));
  // In steps, because a call takes a bounded number of arguments.
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return `${INVITATION_HEAD}${btoa(text).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '')}`;
}
