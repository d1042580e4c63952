import { readFileSync, writeFileSync } from 'node:fs';
import { ed25519 } from '@noble/curves/ed25519.js';
import { describe, expect, it } from 'vitest';
import { type Bytes, bytesToHex, type Hlc, hexToBytes } from '../../src/core/types/index.ts';
import { announcementBytes, decodeAnnouncement, signAnnouncement } from '../../src/core/wire/announcement.ts';
import {
  decodeIdentity,
  decodeRequest,
  decodeResponse,
  encodeIdentity,
  encodeRequest,
  encodeResponse,
  identitySigningBytes,
  requestSigningBytes,
  responseSigningBytes,
} from '../../src/core/wire/envelope.ts';
import { decodeGossip, encodeGossip } from '../../src/core/wire/gossip.ts';
import { createSignedHead, decodeSignedHead, headSigningBytes, trustHash } from '../../src/core/wire/head.ts';
import { authorToPeerId } from '../../src/core/wire/peer-id.ts';
import { receiptSigningBytes } from '../../src/core/wire/receipts.ts';
import { decodeSync, encodeSync } from '../../src/core/wire/sync.ts';
import { filled, hasher, TEST_SEED, testKey } from '../unit/core/wire/support.ts';

const FILE = new URL('./messages.json', import.meta.url);
const SERVER_SEED = filled(32, 2);

const range = (length: number, from: number): Bytes => Uint8Array.from({ length }, (_, i) => from + i);

/** Every vector from its fixed inputs. Ed25519 is deterministic, so the bytes are too. */
function generate() {
  const client = testKey(TEST_SEED);
  const server = testKey(SERVER_SEED);
  const head = createSignedHead(
    {
      network: 'vectors',
      author: client.author,
      incarnation: range(8, 0x10),
      sequence: 42,
      hlc: 0x018b_cfe5_6800_0003n as Hlc,
      root: range(32, 0x40),
      entries: 1000,
      trustHash: trustHash([client.author, server.author], hasher),
      wallMs: 1_700_000_000_000,
    },
    client.sign,
  );
  const claim = {
    askerNonce: range(16, 0x60),
    url: 'http://node1.example:8000',
    author: server.author,
    incarnation: range(8, 0x20),
    sessionNonce: range(16, 0x80),
  };
  const awaited = {
    commit: range(32, 1),
    author: client.author,
    hlc: 0x018b_cfe5_6800_0003n as Hlc,
    keyHashes: [range(32, 1), range(32, 2)],
  };
  const receiptSigning = receiptSigningBytes('vectors', server.author, awaited);
  const announced = {
    network: 'vectors',
    author: client.author,
    sequence: 1_700_000_000_000,
    name: 'oslo',
    urls: ['https://oslo.example'],
    multiaddrs: [`/dns4/oslo.example/tcp/9000/p2p/${authorToPeerId(client.author)}`],
  };
  const announcement = signAnnouncement(announced, client.sign);
  const known = hasher.hash(announcement.bytes).slice(0, 8);
  const identity = encodeIdentity({ ...claim, signature: server.sign(identitySigningBytes(claim)) });
  const hello = encodeSync({ type: 'hello', software: 'lattice/0.1.0', head, yourHlc: 0n as Hlc });
  const requestSigning = requestSigningBytes(
    { server: server.author, sessionNonce: claim.sessionNonce, counter: 1, message: hello },
    hasher,
  );
  const request = {
    sessionNonce: claim.sessionNonce,
    counter: 1,
    author: client.author,
    signature: client.sign(requestSigning),
    message: hello,
  };
  const answer = encodeSync({ type: 'error', code: 'overloaded', message: 'try again' });
  const responseSigning = responseSigningBytes(requestSigning, answer, hasher);
  const response = { author: server.author, signature: server.sign(responseSigning), message: answer };
  const hex = {
    clientSeed: TEST_SEED,
    clientKey: client.publicKey,
    serverSeed: SERVER_SEED,
    serverKey: server.publicKey,
    trustHash: head.head.trustHash,
    headPayload: head.payloadBytes,
    headSigning: headSigningBytes(head.payloadBytes),
    signedHead: head.bytes,
    identitySigning: identitySigningBytes(claim),
    identity,
    requestSigning,
    request: encodeRequest(request),
    responseSigning,
    response: encodeResponse(response),
    gossipCommits: encodeGossip({ type: 'commits', fragments: [range(3, 1), range(30, 1)] }),
    gossipHead: encodeGossip({ type: 'head', head }),
    announcementSigning: announcementBytes(announced),
    signedAnnouncement: announcement.bytes,
    gossipAnnouncement: encodeGossip({ type: 'announcement', announcement: announcement.bytes }),
    streamCursor: encodeGossip({ type: 'cursor', cursor: '1011121314151617.42' }),
    streamReset: encodeGossip({ type: 'reset', reason: 'another incarnation' }),
    hello,
    helloAbout: encodeSync({
      type: 'hello',
      software: 'lattice/0.1.0',
      head,
      yourHlc: 0n as Hlc,
      about: { name: 'oslo', condition: { serves: true, readOnly: ['disk'] } },
    }),
    helloReads: encodeSync({
      type: 'hello',
      software: 'lattice/0.1.0',
      head,
      yourHlc: 0n as Hlc,
      about: { name: 'oslo', condition: { serves: true, readOnly: ['disk'] }, reads: 2 },
    }),
    digests: encodeSync({
      type: 'digests',
      queries: [{ prefix: Uint8Array.of(0xab, 0xc0), bits: 12, bitmap: 0x8001, digests: range(32, 0) }],
    }),
    differences: encodeSync({
      type: 'differences',
      differences: [
        {
          kind: 'leaves',
          prefix: Uint8Array.of(0x10),
          bits: 4,
          leaves: [{ keyHash: range(32, 0x11), digest: range(16, 0) }],
        },
        { kind: 'children', prefix: Uint8Array.of(0xab), bits: 8, bitmap: 2, digests: range(16, 0) },
      ],
    }),
    want: encodeSync({ type: 'want', keyHashes: [range(32, 1), range(32, 2)] }),
    wantPrefixes: encodeSync({ type: 'want', keyHashes: [range(8, 1), range(8, 2)] }),
    entries: encodeSync({ type: 'entries', answered: 2, fragments: [range(3, 1)] }),
    push: encodeSync({ type: 'push', live: false, fragments: [range(3, 1)] }),
    pushed: encodeSync({ type: 'pushed', verdicts: ['held', 'superseded', 'malformed', 'read-only'] }),
    error: answer,
    cells: encodeSync({
      type: 'cells',
      root: range(32, 1),
      mine: range(0, 0),
      salt: range(8, 1),
      from: 128,
      count: 300,
    }),
    coded: encodeSync({
      type: 'coded',
      root: range(32, 1),
      entries: 1000,
      from: 127,
      counts: range(4, 1),
      cells: range(42, 1),
    }),
    have: encodeSync({ type: 'have', hashes: [range(32, 1), range(32, 2)] }),
    held: encodeSync({ type: 'held', holdings: ['none', 'partly', 'whole'] }),
    leaves: encodeSync({ type: 'leaves', hash: range(32, 1), first: 16_384, count: 300 }),
    leafHashes: encodeSync({ type: 'leaf-hashes', leaves: range(64, 1) }),
    blocks: encodeSync({ type: 'blocks', hash: range(32, 1), first: 5, count: 15 }),
    blockBytes: encodeSync({ type: 'block-bytes', bytes: range(100, 1) }),
    complete: encodeSync({ type: 'complete', certificate: range(40, 1) }),
    completed: encodeSync({ type: 'completed', certificate: range(0, 0) }),
    addresses: encodeSync({ type: 'addresses', has: [known, range(8, 1)], announcements: [] }),
    addressesBack: encodeSync({ type: 'addresses-back', has: [known], announcements: [announcement.bytes] }),
    await: encodeSync({ type: 'await', waitMs: 500, commits: [awaited] }),
    awaited: encodeSync({
      type: 'awaited',
      receipts: [{ commit: awaited.commit, signature: server.sign(receiptSigning) }],
    }),
    receiptSigning,
  };
  return {
    note: 'Hex. The seeds are Ed25519 test keys: never use them elsewhere.',
    ...(Object.fromEntries(Object.entries(hex).map(([name, bytes]) => [name, bytesToHex(bytes)])) as Record<
      keyof typeof hex,
      string
    >),
  };
}

const generated = generate();
if (process.env['UPDATE_VECTORS'] === '1') writeFileSync(FILE, `${JSON.stringify(generated, null, 2)}\n`);
const vectors = JSON.parse(readFileSync(FILE, 'utf8')) as typeof generated;
const bytes = (name: keyof typeof generated): Bytes => hexToBytes(vectors[name]) as Bytes;

describe('golden vectors: heads, messages and envelopes', () => {
  it('are what the encoders give [AD1, AD3, E1, E2, G2, S1, S16, U7, U8, U9, X1, X3, X4]', () => {
    expect(generated).toEqual(vectors);
  });

  it('are what another Ed25519 implementation signs [AD1, E2, X1, X3, X4]', () => {
    const noble = (signing: keyof typeof generated, seed: keyof typeof generated) =>
      ed25519.sign(bytes(signing), bytes(seed));
    expect(decodeSignedHead(bytes('signedHead')).signature).toEqual(noble('headSigning', 'clientSeed'));
    expect(decodeAnnouncement(bytes('signedAnnouncement')).signature).toEqual(
      noble('announcementSigning', 'clientSeed'),
    );
    expect(decodeIdentity(bytes('identity')).signature).toEqual(noble('identitySigning', 'serverSeed'));
    expect(decodeRequest(bytes('request')).signature).toEqual(noble('requestSigning', 'clientSeed'));
    expect(decodeResponse(bytes('response')).signature).toEqual(noble('responseSigning', 'serverSeed'));
  });

  it('decode', () => {
    expect(decodeSignedHead(bytes('signedHead')).head).toMatchObject({
      network: 'vectors',
      sequence: 42,
      entries: 1000,
    });
    expect(decodeIdentity(bytes('identity')).url).toBe('http://node1.example:8000');
    expect(decodeRequest(bytes('request')).message).toEqual(bytes('hello'));
    expect(decodeResponse(bytes('response')).message).toEqual(bytes('error'));
    for (const name of ['gossipCommits', 'gossipHead', 'gossipAnnouncement', 'streamCursor', 'streamReset'] as const) {
      expect(bytesToHex(encodeGossip(decodeGossip(bytes(name), { stream: true })))).toBe(vectors[name]);
    }
    for (const name of [
      'hello',
      'helloAbout',
      'digests',
      'differences',
      'want',
      'wantPrefixes',
      'entries',
      'push',
      'pushed',
      'error',
      'cells',
      'coded',
      'addresses',
      'addressesBack',
    ] as const) {
      expect(bytesToHex(encodeSync(decodeSync(bytes(name))))).toBe(vectors[name]);
    }
  });
});
