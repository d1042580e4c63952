import type { CborItem } from '../cbor/cbor.ts';
import { malformed, splitBytes } from '../cbor/reader.ts';
import { textToBytes } from '../cbor/text.ts';
import { type Author, type Bytes, concatBytes, LatticeError, MAX_NETWORK_BYTES, MAX_TRUSTED } from '../types/index.ts';
import { MAX_NAME_BYTES } from './about.ts';
import { parseBaseUrl } from './base-url.ts';
import { authorBytes, createWireReader, encodeChecked, type WireReader, wellFormed } from './fields.ts';
import { isFlaw } from './host.ts';
import { parseOwnMultiaddr, parsePeerMultiaddr } from './multiaddr.ts';

/** (wire) Most URLs, and most multiaddrs, that a member announces: two ways in, over IPv4 and over IPv6. */
export const MAX_ANNOUNCED = 4;
/** (wire) Most bytes of one announced address: a host name of the greatest length with a path fits. */
export const MAX_ADDRESS_BYTES = 512;
/** (wire) Most bytes of an announcement with its signature: its addresses, its name and its network fit. */
export const MAX_ANNOUNCEMENT_BYTES = 2 * MAX_ANNOUNCED * (MAX_ADDRESS_BYTES + 3) + 512;

/** (wire) Stands before an announcement in what its author signs, so that the signature means nothing elsewhere. */
const DOMAIN: Bytes = textToBytes('diotec360/lattice/announcement/v1:');
const VERSION = 1;
const SIGNATURE_BYTES = 64;
/** (wire) First bytes of an announcement's hash by which members tell which ones they have. */
export const ANNOUNCEMENT_ID_BYTES = 8;
/** (wire) Most announcements that one message names or carries: one of each member of the largest roster. */
export const MAX_ANNOUNCEMENTS = MAX_TRUSTED;

/** Where a member can be reached and what its operator calls it, as it says itself (SPEC AD1). */
export interface Announcement {
  readonly network: string;
  readonly author: Author;
  /** The greater of two of one author is that of the newer announcement. */
  readonly sequence: number;
  /** At most MAX_NAME_BYTES; '' when it has no name. */
  readonly name: string;
  /** Base URLs of its API in the form of `parseBaseUrl`, each once. */
  readonly urls: readonly string[];
  /** Multiaddrs in the form of `parsePeerMultiaddr`, each once, that end in the peer id of `author`. */
  readonly multiaddrs: readonly string[];
}

/** An announcement with its signature and its bytes. */
export interface SignedAnnouncement {
  readonly announcement: Announcement;
  /** 64 bytes, Ed25519 by the author over `announcementBytes`. */
  readonly signature: Bytes;
  /** The whole signed announcement, exactly as received. */
  readonly bytes: Bytes;
}

/** The canonical bytes without domain and signature. RangeError when a field is out of bounds. */
function encodePayload({ network, author, sequence, name, urls, multiaddrs }: Announcement): Bytes {
  return encodeChecked(
    [VERSION, wellFormed(network), authorBytes(author), sequence, wellFormed(name), urls, multiaddrs],
    decodePayload,
  );
}

/** The bytes that an announcement's signature covers. */
export const announcementBytes = (announcement: Announcement): Bytes =>
  concatBytes(DOMAIN, encodePayload(announcement));

/** Signs an announcement; `sign` is Ed25519 with the node key of its author. */
export function signAnnouncement(announcement: Announcement, sign: (message: Bytes) => Bytes): SignedAnnouncement {
  const signature = sign(announcementBytes(announcement));
  const bytes = encodeChecked([encodePayload(announcement), signature], decodeAnnouncement);
  return { announcement, signature, bytes };
}

/** Checks form, bounds and addresses, and no signature. LatticeError `malformed` or `unknown-version`. */
export function decodeAnnouncement(bytes: Bytes): SignedAnnouncement {
  const reader = createWireReader('announcement', bytes, MAX_ANNOUNCEMENT_BYTES);
  reader.array('signed announcement', 2, 2);
  const announcement = decodePayload(reader.bytes('announcement', 1, MAX_ANNOUNCEMENT_BYTES));
  const signature = reader.bytes('signature', SIGNATURE_BYTES);
  reader.end();
  return { announcement, signature, bytes };
}

function decodePayload(bytes: Bytes): Announcement {
  const reader = createWireReader('announcement', bytes, MAX_ANNOUNCEMENT_BYTES);
  reader.open({ [VERSION]: 7 });
  const network = reader.text('network', 1, MAX_NETWORK_BYTES);
  const author = reader.author('author');
  const sequence = reader.uint('sequence', 1);
  const name = reader.text('name', 0, MAX_NAME_BYTES);
  const texts = (what: string): readonly string[] => {
    const found = Array.from({ length: reader.array(what, 0, MAX_ANNOUNCED) }, () =>
      reader.text(what, 1, MAX_ADDRESS_BYTES),
    );
    if (new Set(found).size !== found.length) throw malformed(`an announcement names one of its ${what} twice`);
    return found;
  };
  const urls = texts('URLs');
  const multiaddrs = texts('multiaddrs');
  reader.end();
  for (const url of urls)
    if (parseBaseUrl(url) !== url) throw malformed('an announced URL is not in the one form of base URLs');
  for (const multiaddr of multiaddrs) {
    const parsed = parsePeerMultiaddr(multiaddr);
    if (isFlaw(parsed) || parsed.text !== multiaddr)
      throw malformed('an announced multiaddr is not in the one form of those that can be dialled');
    if (parsed.author !== author) throw malformed('an announced multiaddr leads to the key of somebody else');
  }
  return { network, author, sequence, name, urls, multiaddrs };
}

/**
 * Names the announcements that the sender has, and brings what the receiver lacks as far as the sender knows.
 * `addresses` is the request and `addresses-back` the answer (SPEC AD3).
 */
export interface AddressNews {
  readonly type: 'addresses' | 'addresses-back';
  /** The first ANNOUNCEMENT_ID_BYTES of the hash of each announcement that the sender has. */
  readonly has: readonly Bytes[];
  /** Encoded announcements, left for `decodeAnnouncement`. */
  readonly announcements: readonly Bytes[];
}

export const addressNewsFields = ({ has, announcements }: AddressNews): CborItem[] => [
  concatBytes(...has),
  announcements,
];

export function readAddressNews(reader: WireReader, type: AddressNews['type']): AddressNews {
  const known = reader.bytes('announcements known', 0, MAX_ANNOUNCEMENTS * ANNOUNCEMENT_ID_BYTES);
  const count = reader.array('announcements', 0, MAX_ANNOUNCEMENTS);
  const announcements = Array.from({ length: count }, () => reader.bytes('announcement', 1, MAX_ANNOUNCEMENT_BYTES));
  return { type, has: splitBytes(known, ANNOUNCEMENT_ID_BYTES), announcements };
}

/**
 * What the node with this peer id announces that can be reached at the given base URLs and multiaddrs. LatticeError
 * `invalid-address`.
 */
export function announcedAddresses(
  addresses: readonly string[],
  peerId: string,
): Pick<Announcement, 'urls' | 'multiaddrs'> {
  const urls = new Set<string>();
  const multiaddrs = new Set<string>();
  for (const address of addresses) {
    if (address.startsWith('/')) {
      const parsed = parseOwnMultiaddr(address);
      if (isFlaw(parsed)) throw new LatticeError('invalid-address', `${address}: ${parsed.rule}`, { next: parsed.fix });
      multiaddrs.add(`${parsed.text}/p2p/${peerId}`);
    } else {
      const parsed = parseBaseUrl(address);
      if (isFlaw(parsed)) throw new LatticeError('invalid-address', `${address}: ${parsed.rule}`, { next: parsed.fix });
      urls.add(parsed);
    }
  }
  if (urls.size > MAX_ANNOUNCED || multiaddrs.size > MAX_ANNOUNCED)
    throw new LatticeError('invalid-address', `a node announces at most ${MAX_ANNOUNCED} URLs and multiaddrs`, {
      next: 'leave some out',
    });
  return { urls: [...urls], multiaddrs: [...multiaddrs] };
}
