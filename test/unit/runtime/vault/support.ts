import { expect } from 'vitest';
import { createMemoryVault } from '../../../../src/adapters/vault/index.ts';
import { type Author, type Bytes, bytesToHex, equalBytes, LatticeError } from '../../../../src/core/types/index.ts';
import { decodeSync, encodeSync, type SyncMessage } from '../../../../src/core/wire/index.ts';
import type { Log, Metrics, VaultStore } from '../../../../src/ports/index.ts';
import { createGuard, type Guard } from '../../../../src/runtime/commit/guard.ts';
import { createIdempotency } from '../../../../src/runtime/commit/idempotency.ts';
import { checkWritable, createWrites, type Writes } from '../../../../src/runtime/commit/writes.ts';
import type { VaultSettings } from '../../../../src/runtime/facade/options.ts';
import { createPeerTable } from '../../../../src/runtime/peers/peers.ts';
import { createVault, type Vault } from '../../../../src/runtime/vault/vault.ts';
import {
  createHandClock,
  createRandom,
  FOUND,
  type HandClock,
  hasher,
  type LogLine,
  openTestState,
  readsOf,
  recordingLog,
  type TestState,
} from '../support.ts';

/** Counts what a vault counts, by name and labels. */
function countingMetrics(counts: Map<string, number>): Metrics {
  return {
    count: (name, labels = {}, by = 1) => {
      const key = [name, ...Object.values(labels)].join(' ');
      counts.set(key, (counts.get(key) ?? 0) + by);
    },
    gauge() {},
    observe() {},
  };
}

/** A node of which only the vault talks to others. */
export interface VaultNode extends TestState {
  readonly name: string;
  readonly bytes: VaultStore;
  readonly vault: Vault;
  readonly writes: Writes;
  readonly guard: Guard;
  readonly counts: Map<string, number>;
  readonly lines: LogLine[];
  /** Requests that it answered. */
  readonly asked: SyncMessage[];
  /** Whether others reach it. */
  reachable: boolean;
  /** Changes its answer before it is sent; undefined: it does not answer. */
  answer: (asked: SyncMessage, answer: SyncMessage) => SyncMessage | undefined | Promise<SyncMessage | undefined>;
  count(name: string): number;
}

export interface VaultFleet {
  readonly clock: HandClock;
  readonly nodes: readonly VaultNode[];
  /** Gives every node the commits of all others. */
  replicate(): Promise<void>;
  stop(): Promise<void>;
}

export const ALL: VaultSettings = { policy: 'all', maxObjectBytes: 64 * 2 ** 20, capacityBytes: undefined };

/** Content that no two seeds share. */
export function contentOf(size: number, seed = 1): Bytes {
  const out = new Uint8Array(size);
  let x = seed * 2_654_435_761 + 1;
  for (let i = 0; i < size; i++) {
    x = (Math.imul(x, 1_664_525) + 1_013_904_223) >>> 0;
    out[i] = x >>> 24;
  }
  return out;
}

/** The comparison of the test runner takes seconds for megabytes. */
export function expectBytes(found: Bytes, expected: Bytes): void {
  expect(found.length).toBe(expected.length);
  expect(equalBytes(found, expected)).toBe(true);
}

export const hashOf = (content: Bytes): string => bytesToHex(hasher.hash(content));

export async function* inPieces(content: Bytes, size = 50_000): AsyncGenerator<Bytes, void> {
  for (let at = 0; at < content.length; at += size) yield content.slice(at, at + size);
}

export async function readAll(bytes: AsyncIterable<Bytes>): Promise<Bytes> {
  const pieces: Bytes[] = [];
  for await (const piece of bytes) pieces.push(piece);
  const out = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    out.set(piece, at);
    at += piece.length;
  }
  return out;
}

/** Nodes that reach each other by nothing but their vaults. Settings are `all` where none are given. */
export async function openVaults(
  settings: readonly VaultSettings[],
  over: {
    readonly clock?: HandClock;
    readonly store?: (index: number, store: VaultStore) => VaultStore;
    readonly stored?: readonly (VaultStore | undefined)[];
    readonly queuedWrites?: () => number;
    readonly isBootstrapping?: () => boolean;
  } = {},
): Promise<VaultFleet> {
  const clock = over.clock ?? createHandClock();
  const nodes: VaultNode[] = [];
  for (const [index, setting] of settings.entries()) {
    const inner = over.stored?.[index] ?? createMemoryVault({ hasher, clock });
    nodes.push(await openNode(index, setting, over.store?.(index, inner) ?? inner));
  }

  async function openNode(index: number, setting: VaultSettings, bytes: VaultStore): Promise<VaultNode> {
    let vault: Vault | undefined;
    const state = await openTestState({
      id: index + 1,
      clock,
      onApplied({ step: { changed, passed } }) {
        vault?.applied([...changed, ...passed.map(({ entry, ...one }) => ({ ...one, before: entry, after: entry }))]);
      },
    });
    const { self, replica, writer, entries, store } = state;
    const lines: LogLine[] = [];
    const log: Log = recordingLog(lines);
    const guard = createGuard({
      nameOf: (author) => author,
      clock,
      log,
      incarnation: new Uint8Array(8).fill(index),
      ownSeen: () => replica.seen(self.author),
      dials: () => false,
      expectsOthers: () => false,
      onTwinGone: () => undefined,
      onCleared: () => undefined,
      peerClocks: () => [],
      members: () => 1,
      agreesWith: () => false,
      onOpen: () => undefined,
      onClosed: () => undefined,
      clockAheadMs: () => 0,
    });
    const writes = createWrites({
      guard,
      writer,
      idempotency: createIdempotency({ store, hasher, clock }),
      checkEnds: () => undefined,
    });
    const reads = readsOf(state);
    const peers = createPeerTable(clock);
    const counts = new Map<string, number>();
    const nodeOf = (author: Author): VaultNode | undefined => nodes.find((one) => one.self.author === author);
    vault = createVault({
      store: bytes,
      kind: 'memory',
      settings: setting,
      hasher,
      clock,
      now: () => clock.now(),
      random: createRandom(),
      log,
      metrics: countingMetrics(counts),
      self: self.author,
      get: reads.get,
      list: reads.list,
      write: writes.writeReserved,
      checkWritable: () => checkWritable(guard),
      entries,
      between: (read) => writer.read(read),
      queuedWrites: () => over.queuedWrites?.() ?? writer.queued,
      peers() {
        for (const other of nodes) if (other.self.author !== self.author) peers.ensure(other.self.author);
        return peers.all();
      },
      isMember: () => true,
      linkTo: ({ author }) => {
        const other = nodeOf(author);
        if (other === undefined || !other.reachable || !node.reachable) return undefined;
        return { lung: 'http', link: (message) => handle(other, message) };
      },
      nameOf: (author) => nodeOf(author)?.name ?? author,
      isBootstrapping: () => over.isBootstrapping?.() ?? false,
    });
    const node: VaultNode = {
      ...state,
      name: `n${index}`,
      bytes,
      vault,
      writes,
      guard,
      counts,
      lines,
      asked: [],
      reachable: true,
      answer: (_, answer) => answer,
      count: (name) => counts.get(name) ?? 0,
    };
    return node;
  }

  /** Answers as the responder does, in the bytes of the wire. */
  async function handle(node: VaultNode, bytes: Bytes): Promise<Bytes> {
    const asked = decodeSync(bytes);
    node.asked.push(asked);
    let answer: SyncMessage;
    try {
      const { server } = node.vault;
      if (asked.type === 'have') answer = server.have(asked);
      else if (asked.type === 'leaves') answer = await server.leaves(asked);
      else if (asked.type === 'blocks') answer = await server.blocks(asked);
      else throw new Error(`${asked.type} is no message of a vault`);
    } catch (error) {
      if (!(error instanceof LatticeError)) throw error;
      answer = { type: 'error', code: error.code, message: error.message.slice(0, 200) };
    }
    const sent = await node.answer(asked, answer);
    if (sent === undefined || !node.reachable) throw new LatticeError('peer-unreachable', 'the peer is gone');
    return encodeSync(sent);
  }

  for (const { vault } of nodes) vault.start();
  await clock.advance(0);

  return {
    clock,
    nodes,
    async replicate() {
      for (const from of nodes) {
        const commits = from.applied.flatMap(({ step }) => step.commits);
        for (const to of nodes) if (to !== from) for (const commit of commits) await to.writer.apply(commit, FOUND);
      }
    },
    async stop() {
      for (const node of nodes) await node.vault.stop();
    },
  };
}
