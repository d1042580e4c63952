import type { CborItem } from '../cbor/cbor.ts';
import { hlcToBytes } from '../clock/hlc.ts';
import { type Hlc, LatticeError, PROTOCOL_VERSION } from '../types/index.ts';
import { type About, aboutFields, readAbout } from './about.ts';
import { type WireReader, wellFormed } from './fields.ts';
import { decodeSignedHead, MAX_HEAD_BYTES, type SignedHead } from './head.ts';

/** (wire) Most bytes of UTF-8 in the name of a program and its version, which is for people. */
const MAX_SOFTWARE_BYTES = 64;
/** A hello has as many elements, or one or three fewer from nodes of earlier versions. */
const WHOLE_HELLO = 8;
export const HELLO_LENGTHS = [WHOLE_HELLO - 3, WHOLE_HELLO - 1, WHOLE_HELLO] as const;

/**
 * The request, and the answer to it. `software` has at most 64 bytes of text. `yourHlc` is the greatest HLC of a commit
 * by the other side's author that the sender applied, zero if there is none. Nodes of an earlier version send no
 * `about`, and take no hello that has one.
 */
export interface Hello {
  readonly type: 'hello';
  readonly software: string;
  readonly head: SignedHead;
  readonly yourHlc: Hlc;
  readonly about?: About;
}

export function helloFields({ software, head, yourHlc, about }: Hello): CborItem[] {
  return [
    PROTOCOL_VERSION,
    wellFormed(software),
    head.bytes,
    hlcToBytes(yourHlc),
    ...(about === undefined ? [] : aboutFields(about)),
  ];
}

/** LatticeError `unknown-version` for a hello of another protocol. */
export function readHello(reader: WireReader): Hello {
  const protocol = reader.uint('protocol');
  if (protocol !== PROTOCOL_VERSION) throw new LatticeError('unknown-version', `hello of protocol ${protocol}`);
  const software = reader.text('software', 0, MAX_SOFTWARE_BYTES);
  const head = decodeSignedHead(reader.bytes('head', 1, MAX_HEAD_BYTES));
  const hello = { type: 'hello' as const, software, head, yourHlc: reader.hlc('your hlc') };
  const elements = reader.elements();
  if (elements < WHOLE_HELLO - 1) return hello;
  return { ...hello, about: readAbout(reader, elements === WHOLE_HELLO) };
}
