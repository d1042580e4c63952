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

/** Where a node is reached, by what is known of it. */
export interface Reached {
  readonly peerId: string;
  /** What the operator named for this purpose, which goes first. */
  readonly named?: string | undefined;
  /** The base URLs that the node announces (SPEC AD1). */
  readonly announced: readonly string[];
  /** The base URL at which whoever invites reaches the node, which may be the end of a tunnel. */
  readonly atHand: string;
  readonly multiaddrs: readonly string[];
}

/** The host of a URL means the machine itself that asks. */
export function isLocalUrl(url: string): boolean {
  const host = new URL(url).hostname.replace(/\.$/, '');
  return host === '[::1]' || host === 'localhost' || host.endsWith('.localhost') || /^127(\.\d+){3}$/.test(host);
}

/**
 * The addresses of one node for a line, one entry for each URL, in the order in which the newcomer asks. An address of
 * the own machine leads the newcomer to its machine, so it is left out where there is another one.
 */
export function invitedTo({ peerId, named, announced, atHand, multiaddrs }: Reached): readonly InvitedTo[] {
  const all = [
    ...new Set([...(named === undefined ? [] : [named]), ...announced, ...(named === undefined ? [atHand] : [])]),
  ];
  const elsewhere = all.filter((url) => url === named || !isLocalUrl(url));
  return (elsewhere.length > 0 ? elsewhere : all).map((url, i) => ({
    peerId,
    url,
    multiaddrs: i === 0 ? multiaddrs : [],
  }));
}

/** The URLs of a line that lead to the node only on its own machine, of nodes for which the line has no other. */
export function localOnly(nodes: readonly InvitedTo[]): readonly string[] {
  const reached = new Set(nodes.flatMap(({ peerId, url }) => (url === undefined || isLocalUrl(url) ? [] : peerId)));
  return nodes.flatMap(({ peerId, url }) => (url === undefined || reached.has(peerId) ? [] : url));
}
