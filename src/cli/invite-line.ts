import { INVITATION_HEAD, type Invited, type InvitedTo } from '../client/invitation-line.ts';
import { usageError } from './context.ts';

/** Characters of a line: of each of 50 nodes an id and some addresses. */
const MAX_LINE = 64 * 1024;

const isHex64 = (text: unknown): text is string => typeof text === 'string' && /^[0-9a-f]{64}$/.test(text);
const isText = (text: unknown): text is string => typeof text === 'string';

/** Reads a line. Throws LatticeError `usage`, which never repeats it: it has a secret in it. */
export function readInvitation(line: string): Invited {
  const text = line.trim();
  const fail = (why: string): never => {
    throw usageError(`this is not an invitation: ${why}`, 'Give the whole line of the invitation, in quotes.');
  };
  if (!text.startsWith(INVITATION_HEAD) || text.length > MAX_LINE)
    return fail(`it does not begin with ${INVITATION_HEAD}`);
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(text.slice(INVITATION_HEAD.length), 'base64url').toString('utf8'));
  } catch {
    return fail('it is cut short or changed');
  }
  const { network, epoch, hash, secret, expires, name, role, nodes } = (value ?? {}) as Readonly<
    Record<string, unknown>
  >;
  if (!isText(network) || !Number.isSafeInteger(epoch) || !isHex64(hash) || !isHex64(secret) || !isText(name))
    return fail('it is cut short or changed');
  if (!Number.isSafeInteger(expires) || (role !== 'writer' && role !== 'mirror') || !Array.isArray(nodes))
    return fail('it is cut short or changed');
  const to = nodes.map((node): InvitedTo => {
    const { peerId, url, multiaddrs } = (node ?? {}) as Readonly<Record<string, unknown>>;
    if (!isText(peerId) || !Array.isArray(multiaddrs) || !multiaddrs.every(isText)) return fail('a node of it is none');
    return { peerId, multiaddrs, ...(isText(url) ? { url } : {}) };
  });
  if (!to.some(({ url }) => url !== undefined)) return fail('it names no URL to ask at');
  return { network, epoch: epoch as number, hash, secret, expires: expires as number, name, role, nodes: to };
}
