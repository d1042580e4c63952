import { claimStore, openLevelStore } from '../adapters/store/index.ts';
import { createSigner, createVerifier, loadKey, nodeHasher } from '../adapters/system/index.ts';
import type { Config } from '../config/index.ts';
import { hlcMs } from '../core/clock/index.ts';
import { STATE_META } from '../core/replica/index.ts';
import {
  type CheckedChain,
  checkChain,
  END_GRID_MS,
  encodeForced,
  forcedBytes,
  forcedRoster,
  initialRoster,
  type RosterState,
  writersOf,
} from '../core/roster/index.ts';
import {
  ATTESTED,
  COMPLETE,
  decodeAttested,
  decodeRememberedPeers,
  decodeStateMeta,
  encodeKnownAuthors,
  FIRST_ROSTER,
  forcedKey,
  REMEMBERED_PEERS,
  rosterCertificateKey,
  SECOND_CERTIFICATE,
  votesKey,
} from '../core/rows/index.ts';
import {
  type Author,
  type Bytes,
  bytesToHex,
  equalBytes,
  hexToBytes,
  LatticeError,
  MAX_AHEAD_MS,
} from '../core/types/index.ts';
import { decodeCertificate } from '../core/wire/index.ts';
import type { Signer, Store, StoreOperation } from '../ports/index.ts';
import { createRoster, type RosterOwner } from '../runtime/fleet/roster.ts';
import { MAX_EPOCHS } from '../runtime/membership/membership.ts';
import { allGood, loadMembership } from '../runtime/membership/saved.ts';

/** What the survivors of a lost quorum are given, so that all of them go on by the same roster (SPEC RO15). */
export interface ForceRecord {
  readonly network: string;
  /** The keys of epoch 0, in order. */
  readonly founders: readonly Author[];
  /** The certificates of all epochs from 1 on. The last one is that of the forced roster. */
  readonly certificates: readonly Bytes[];
}

/** Somebody whom the store of a node knows. */
export interface KnownMember {
  readonly author: Author;
  /** '' where nobody has told it. */
  readonly name: string;
  /** Where it was reached, or says that it is. */
  readonly urls: readonly string[];
}

/** The store of a node that does not run. */
export interface OfflineStore {
  readonly self: Author;
  readonly present: RosterState;
  /** The writers of the present roster, and those who were left out of a forced one. */
  readonly writers: readonly KnownMember[];
  /** The record of the forced roster by which this node goes already, or went once; undefined where there is none. */
  done(): ForceRecord | undefined;
  /** Makes the record with which everybody goes on but `without`. Nothing is written. LatticeError `invalid-change`. */
  make(without: readonly Author[]): ForceRecord;
  /**
   * Takes the roster of a record, in one durable batch. Resolves to false where that was done before. Rejects with
   * LatticeError `not-certified` or `invalid-change`, and has written nothing then.
   */
  take(record: ForceRecord): Promise<boolean>;
  close(): Promise<void>;
}

const invalid = (why: string, next: string): LatticeError => new LatticeError('invalid-change', why, { next });

/**
 * Opens the store of the node of a configuration, and verifies what it has about rosters. Rejects with LatticeError
 * `store-locked` while the node runs, `other-author`, `no-key`, or as a start does.
 */
export async function openOffline(config: Config): Promise<OfflineStore> {
  const signer = signerOf(config);
  const store = await openLevelStore(config.stateDir);
  try {
    await claimStore(config.stateDir, signer.author);
    return await look(config, signer, store);
  } catch (error) {
    await store.close();
    throw error;
  }
}

function signerOf({ key }: Config): Signer {
  const seed = key.source === 'environment' ? hexToBytes(key.seedHex) : loadKey(key.path);
  if (seed !== undefined) return createSigner(seed);
  throw new LatticeError('no-key', 'there is no key of this node', {
    next: 'Name the env file of a node that has run.',
  });
}

async function look(config: Config, signer: Signer, store: Store): Promise<OfflineStore> {
  const { network } = config;
  const hasher = nodeHasher();
  const verifier = createVerifier();
  const silent = { debug() {}, info() {}, warn() {}, error() {}, child: () => silent };
  const saved = await loadMembership({ store, hasher, verifier, network, log: silent });
  const roster = createRoster(config.trusted as readonly Author[], signer.author, hasher, saved.roster);
  const known = await knownOf(
    config,
    store,
    saved.announcements.map(({ announcement }) => announcement),
  );
  const times = await newestTimes(store);
  const founders = (): readonly Author[] => roster.from(0)[0]?.state.roster.members.map(({ author }) => author) ?? [];
  const certificates = (upTo: number): readonly Bytes[] =>
    roster.from(1).flatMap(({ state, certificate }) => (state.roster.epoch <= upTo ? (certificate ?? []) : []));
  const nameOf = (author: Author): string =>
    roster.present.state.roster.members.find((one) => one.author === author)?.name || (known.get(author)?.name ?? '');

  return {
    self: signer.author,
    present: roster.present.state,
    writers: [...roster.writers, ...roster.present.state.leftOut].map((author) => ({
      author,
      name: nameOf(author),
      urls: known.get(author)?.urls ?? [],
    })),
    done() {
      const last = roster.from(1).findLast(({ state }) => saved.forced.has(bytesToHex(state.hash)));
      if (last === undefined) return undefined;
      return { network, founders: founders(), certificates: certificates(last.state.roster.epoch) };
    },
    make(without) {
      const { state } = roster.present;
      if (without.includes(signer.author))
        throw invalid('this node itself would be left out', 'run this on one that goes on, and name those that do not');
      for (const author of without)
        if (!roster.isWriter(author)) throw invalid(`${nameOf(author) || author} is no writer`, 'leave it out');
      const start = endOf(times);
      const survivors = roster.writers.filter((author) => !without.includes(author));
      const forced = { network, author: signer.author, roster: forcedRoster(state, survivors, start), start };
      const certificate = encodeForced(forced, signer.sign(forcedBytes(forced, hasher)));
      return { network, founders: founders(), certificates: [...certificates(state.roster.epoch), certificate] };
    },
    async take(record) {
      const chain = await checkRecord(record, network);
      const { state, start } = chain.spans[chain.spans.length - 1] ?? chain.spans[0];
      if (roster.withHash(state.hash) !== undefined) return false;
      checkFits(roster, chain);
      if (!state.roster.members.some(({ author, role }) => author === signer.author && role !== 'retired'))
        throw invalid('this node is one of those who are left out', 'let it join anew under a new key: lattice invite');
      if (times.signed > start)
        throw invalid(
          'this node has attested or knows a cut that is later than where the record begins',
          'Stop all nodes that go on, and make the record anew, on this one.',
        );
      await store.batch(rowsOf(roster, record, chain));
      return true;
    },
    close: () => store.close(),
  };
}

/** What a start would take in of the record: the rows of one batch. */
function rowsOf(roster: RosterOwner, record: ForceRecord, { spans, forced }: CheckedChain): StoreOperation[] {
  const rows: StoreOperation[] = [
    { type: 'put', key: FIRST_ROSTER, value: encodeKnownAuthors(record.founders) },
    { type: 'del', key: votesKey(roster.hash) },
    // Two rosters of an epoch before end no decision of the new lineage.
    { type: 'del', key: SECOND_CERTIFICATE },
  ];
  for (const { hash } of forced) rows.push({ type: 'put', key: forcedKey(hash), value: new Uint8Array([1]) });
  record.certificates.forEach((value, i) => {
    const epoch = i + 1;
    if (epoch < spans.length) rows.push({ type: 'put', key: rosterCertificateKey(epoch), value });
  });
  return rows;
}

/** Verifies all of a record. Rejects with LatticeError `not-certified`. */
async function checkRecord(record: ForceRecord, network: string): Promise<CheckedChain> {
  if (record.network !== network)
    throw new LatticeError(
      'not-certified',
      `the record is of network ${JSON.stringify(record.network)}, not ${JSON.stringify(network)}`,
    );
  const chain = checkChain(
    record.certificates,
    { authors: record.founders },
    { network, hasher: nodeHasher(), most: MAX_EPOCHS, forced: true },
  );
  const last = chain.spans.at(-1)?.state;
  if (last === undefined || !chain.forced.includes(last))
    throw new LatticeError('not-certified', 'the record does not end with a forced roster');
  if (!(await allGood(createVerifier(), chain.signatures)))
    throw new LatticeError('not-certified', 'a signature of the record is not valid');
  return chain;
}

/** A record continues what the store has; anything else would be a fleet of somebody's own. */
function checkFits(roster: RosterOwner, { spans }: CheckedChain): void {
  const [first] = roster.from(0);
  if (first === undefined || !equalBytes(first.state.hash, spans[0].state.hash))
    throw invalid(
      'the record begins with other keys than this node',
      'compare the trust lists: it is of another fleet',
    );
  for (const { state } of roster.from(1)) {
    const theirs = spans[state.roster.epoch];
    if (theirs !== undefined && equalBytes(theirs.state.hash, state.hash)) continue;
    throw invalid(
      `this node goes by another roster of epoch ${state.roster.epoch} than the record`,
      'Only one of the two can go on: decide which, and make the record on a node that knows the newest roster.',
    );
  }
}

interface Times {
  /** Unix ms: of the newest operation that the state has seen. */
  readonly seen: number;
  /** Unix ms: of the newest cut that this node attested or knows as complete. */
  readonly signed: number;
}

async function newestTimes(store: Store): Promise<Times> {
  const [meta, attested, complete] = await store.getMany([STATE_META, ATTESTED, COMPLETE]);
  return {
    seen: meta === undefined ? 0 : hlcMs(decodeStateMeta(meta).hlc),
    signed: Math.max(
      attested === undefined ? 0 : decodeAttested(attested),
      complete === undefined ? 0 : decodeCertificate(complete).at,
    ),
  };
}

/**
 * Where the lineage before ends: a time of a cut that is not earlier than anything that this store knows, so that
 * nothing that a lost author had told it is cut off. LatticeError `invalid-change` where the clock is far behind that.
 */
function endOf({ seen, signed }: Times): number {
  const now = Date.now();
  const end = Math.ceil(Math.max(now, seen, signed) / END_GRID_MS) * END_GRID_MS;
  if (end <= now + MAX_AHEAD_MS) return end;
  throw invalid('the clock of this machine is behind what the state has seen', 'Set it right, and run this again.');
}

/** Names and addresses: what the configuration says, what members announced, and where they were reached. */
async function knownOf(
  { names }: Config,
  store: Store,
  announced: readonly { readonly author: Author; readonly name: string; readonly urls: readonly string[] }[],
): Promise<ReadonlyMap<Author, Omit<KnownMember, 'author'>>> {
  const known = new Map<Author, { name: string; urls: string[] }>();
  const add = (author: Author, name: string, urls: readonly string[]): void => {
    const one = known.get(author) ?? { name: '', urls: [] };
    known.set(author, {
      name: one.name || name,
      urls: [...one.urls, ...urls.filter((url) => !one.urls.includes(url))],
    });
  };
  for (const [author, name] of names) add(author as Author, name, []);
  for (const { author, name, urls } of announced) add(author, name, urls);
  const row = await store.get(REMEMBERED_PEERS);
  if (row !== undefined)
    for (const { author, name, url } of decodeRememberedPeers(row)) add(author, name, url === '' ? [] : [url]);
  return known;
}

/** The writers who go on, and those who are left out, by a record. */
export function forcedBy(record: ForceRecord): {
  readonly epoch: number;
  readonly hash: string;
  readonly end: number;
  readonly staying: readonly Author[];
  readonly leftOut: readonly Author[];
} {
  const { spans } = checkChain(
    record.certificates,
    { authors: record.founders },
    { network: record.network, hasher: nodeHasher(), most: MAX_EPOCHS, forced: true },
  );
  const { state, start } = spans[spans.length - 1] ?? spans[0];
  const before = spans[spans.length - 2]?.state.roster ?? initialRoster(record.founders);
  const staying = writersOf(state.roster);
  return {
    epoch: state.roster.epoch,
    hash: bytesToHex(state.hash),
    end: start,
    staying,
    leftOut: writersOf(before).filter((author) => !staying.includes(author)),
  };
}

/**
 * Lets a store that is still empty take forced rosters of a chain that its operator trusts by other means, as a newcomer
 * does whose invitation names the hash of a later roster.
 */
export async function approveForced(stateDir: string, forced: readonly RosterState[]): Promise<void> {
  const store = await openLevelStore(stateDir).catch((error: unknown) => {
    // The node runs already, so that it was approved before.
    if (error instanceof LatticeError && error.code === 'store-locked') return undefined;
    throw error;
  });
  if (store === undefined) return;
  try {
    await store.batch(forced.map(({ hash }) => ({ type: 'put', key: forcedKey(hash), value: new Uint8Array([1]) })));
  } finally {
    await store.close();
  }
}
