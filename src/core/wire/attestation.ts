import { malformed, splitBytes } from '../cbor/reader.ts';
import { textToBytes } from '../cbor/text.ts';
import { type Author, type Bytes, bytesToHex, concatBytes, MAX_NETWORK_BYTES, MAX_TRUSTED } from '../types/index.ts';
import { authorBytes, createWireReader, encodeChecked, type WireReader, wellFormed } from './fields.ts';

/** (wire) Most bytes of a signed attestation: 128 bytes of network, 150 of fixed fields and the signature fit. */
export const MAX_ATTESTATION_BYTES = 512;
const AUTHOR_BYTES = 32;
const SIGNER_BYTES = AUTHOR_BYTES + 64;
/**
 * (wire) Most bytes of a certificate: the signers of a full trust list, 96 bytes each, and the fields of an attestation
 * fit.
 */
export const MAX_CERTIFICATE_BYTES = MAX_TRUSTED * SIGNER_BYTES + MAX_ATTESTATION_BYTES;
/**
 * (wire) The domain that stands before an attestation in what its author signs, so that the signature means nothing
 * elsewhere.
 */
export const CUT_DOMAIN: Bytes = textToBytes('diotec360/lattice/cut/v1:');

const VERSION = 1;
/** The greatest time that an HLC can hold, Unix ms. */
const MAX_TIME = 2 ** 48 - 1;

/** What somebody says the state was at one time. */
export interface CutClaim {
  readonly network: string;
  /** Unix ms. The state meant is that of the operations with an HLC of at most this many milliseconds. */
  readonly at: number;
  /** The Merkle root of that state, 32 bytes. */
  readonly root: Bytes;
  /** The number of its keys, tombstones included. */
  readonly entries: number;
  /** `trustHash` of the signer's trust list, 32 bytes. */
  readonly trustHash: Bytes;
}

/** The claim of one author (SPEC Z3). */
export interface Attestation extends CutClaim {
  readonly author: Author;
}

/** An attestation with its signature and its bytes. */
export interface SignedAttestation {
  readonly attestation: Attestation;
  readonly payloadBytes: Bytes;
  /** 64 bytes, Ed25519 by `attestation.author` over `attestationSigningBytes(payloadBytes)`. */
  readonly signature: Bytes;
  /** The whole signed attestation, exactly as received. */
  readonly bytes: Bytes;
}

/** One claim signed by several authors (SPEC Z4), in increasing order of their keys, each once. */
export interface Certificate extends CutClaim {
  readonly signers: readonly { readonly author: Author; readonly signature: Bytes }[];
}

/** The payload that is signed. RangeError when a field is out of bounds. */
export function encodeAttestationPayload({ network, author, at, root, entries, trustHash }: Attestation): Bytes {
  return encodeChecked(
    [VERSION, wellFormed(network), authorBytes(author), at, root, entries, trustHash],
    decodePayload,
  );
}

/** The bytes that an attestation's signature covers. */
export function attestationSigningBytes(payloadBytes: Bytes): Bytes {
  return concatBytes(CUT_DOMAIN, payloadBytes);
}

/**
 * Encodes and signs an attestation; `sign` is Ed25519 with the node key of its author. RangeError when a field is out
 * of bounds.
 */
export function createSignedAttestation(attestation: Attestation, sign: (message: Bytes) => Bytes): SignedAttestation {
  const payloadBytes = encodeAttestationPayload(attestation);
  return assemble(payloadBytes, sign(attestationSigningBytes(payloadBytes)));
}

function assemble(payloadBytes: Bytes, signature: Bytes): SignedAttestation {
  return decodeSignedAttestation(encodeChecked([payloadBytes, signature], decodeSignedAttestation));
}

/**
 * Checks structure and bounds only; the caller checks signature, network and trust. The result keeps a copy of the
 * bytes. LatticeError `malformed` or `unknown-version`.
 */
export function decodeSignedAttestation(input: Bytes): SignedAttestation {
  if (input.length > MAX_ATTESTATION_BYTES)
    throw malformed(`signed attestation has ${input.length} bytes, more than ${MAX_ATTESTATION_BYTES}`);
  const bytes = new Uint8Array(input);
  const reader = createWireReader('signed attestation', bytes, MAX_ATTESTATION_BYTES);
  reader.array('signed attestation', 2, 2);
  const payloadBytes = reader.bytes('payload', 1, MAX_ATTESTATION_BYTES);
  const signature = reader.bytes('signature', 64);
  reader.end();
  return { attestation: decodePayload(payloadBytes), payloadBytes, signature, bytes };
}

function decodePayload(payload: Bytes): Attestation {
  const reader = createWireReader('attestation', payload, MAX_ATTESTATION_BYTES);
  reader.open({ [VERSION]: 7 });
  const network = reader.text('network', 1, MAX_NETWORK_BYTES);
  const author = reader.author('author');
  const attestation = { network, author, ...readState(reader) };
  reader.end();
  return attestation;
}

function readState(reader: WireReader): Omit<CutClaim, 'network'> {
  return {
    at: reader.uint('time', 1, MAX_TIME),
    root: reader.bytes('root', 32),
    entries: reader.uint('entries'),
    trustHash: reader.bytes('trust hash', 32),
  };
}

/**
 * The bytes of a certificate. RangeError when a field is out of bounds, or when the signers do not strictly increase.
 */
export function encodeCertificate({ network, at, root, entries, trustHash, signers }: Certificate): Bytes {
  const packed = concatBytes(...signers.flatMap(({ author, signature }) => [authorBytes(author), signature]));
  return encodeChecked([VERSION, wellFormed(network), at, root, entries, trustHash, packed], decodeCertificate);
}

/**
 * Checks structure and bounds only; `checkCertificate` tells which signatures the caller has to verify. The result
 * keeps a copy of the bytes. LatticeError `malformed` or `unknown-version`.
 */
export function decodeCertificate(input: Bytes): Certificate {
  if (input.length > MAX_CERTIFICATE_BYTES)
    throw malformed(`certificate has ${input.length} bytes, more than ${MAX_CERTIFICATE_BYTES}`);
  const reader = createWireReader('certificate', new Uint8Array(input), MAX_CERTIFICATE_BYTES);
  reader.open({ [VERSION]: 7 });
  const network = reader.text('network', 1, MAX_NETWORK_BYTES);
  const state = readState(reader);
  const packed = splitBytes(reader.bytes('signers', SIGNER_BYTES, MAX_TRUSTED * SIGNER_BYTES), SIGNER_BYTES);
  reader.end();
  const signers = packed.map((one) => ({
    author: bytesToHex(one.subarray(0, AUTHOR_BYTES)) as Author,
    signature: one.subarray(AUTHOR_BYTES),
  }));
  for (let i = 1; i < signers.length; i++) {
    if ((signers[i]?.author as Author) <= (signers[i - 1]?.author as Author))
      throw malformed("a certificate's signers are not strictly increasing");
  }
  return { network, ...state, signers };
}

/** The attestations that a certificate was made of. */
export function certificateToAttestations({ signers, ...claim }: Certificate): SignedAttestation[] {
  return signers.map(({ author, signature }) => assemble(encodeAttestationPayload({ ...claim, author }), signature));
}
