import { type ErrorCode, LatticeError } from '../core/types/index.ts';
import type { Lattice } from '../runtime/index.ts';
import type { Life } from './life.ts';
import { type TurningGate, turningError } from './turning-gate.ts';

/** The face of a node under one key, and until when it answers. */
export interface KeyedFace {
  readonly lattice: Lattice;
  readonly life: Life;
}

/** How a call fails on a node whose key has turned meanwhile: it was refused, or it read what the next one has changed. */
const OVER: ReadonlySet<ErrorCode> = new Set(['stopping', 'store-damaged', 'damaged-row', 'key-turning'] as const);

const isOver = (error: unknown): boolean => error instanceof LatticeError && OVER.has(error.code);

/**
 * One face for a node whose key may turn while it runs (SPEC RO18): each call goes to the node under its present key. While
 * the key turns, calls that wait in any case wait for the new one, and what tells something at once tells what the former
 * one knew last. Whoever still waits for the former one is told `key-turning`. A write that the former one had not taken is
 * given to the new one, so that none is lost and none is made twice.
 */
export function createTurningLattice(now: () => KeyedFace, gate: TurningGate): Lattice {
  const over = (at: KeyedFace): boolean => !gate.isOpen || at !== now();

  /** A call that answers at once. */
  const tells =
    <A extends readonly unknown[], R>(of: (lattice: Lattice) => (...given: A) => R) =>
    (...given: A): R =>
      of(now().lattice)(...given);

  /** A call that waits. */
  const waits =
    <A extends readonly unknown[], R>(of: (lattice: Lattice) => (...given: A) => Promise<R>) =>
    async (...given: A): Promise<R> => {
      await gate.pass();
      const at = now();
      try {
        return await at.life.run(() => of(at.lattice)(...given));
      } catch (error) {
        throw over(at) && isOver(error) ? turningError(error) : error;
      }
    };

  /** What is read in parts. */
  async function* parts<T>(of: (lattice: Lattice) => AsyncIterable<T>): AsyncGenerator<T> {
    await gate.pass();
    const at = now();
    yield* partsOf(at, of(at.lattice));
  }

  async function* partsOf<T>(at: KeyedFace, all: AsyncIterable<T>): AsyncGenerator<T> {
    const parts = all[Symbol.asyncIterator]();
    try {
      for (;;) {
        const { done, value } = await at.life.run(() => parts.next());
        if (done === true) return;
        yield value;
      }
    } catch (error) {
      throw over(at) && isOver(error) ? turningError(error) : error;
    } finally {
      parts.return?.().catch(() => undefined);
    }
  }

  const write: Lattice['write'] = async (operations, options) => {
    for (;;) {
      if (!gate.isOpen) await gate.pass();
      const at = now();
      try {
        return await at.lattice.write(operations, options);
      } catch (error) {
        // A writer that is stopping refuses what it has not taken, and answers what it has.
        if (!(over(at) && error instanceof LatticeError && error.code === 'stopping')) throw error;
      }
    }
  };

  const first = now().lattice;
  return {
    status: tells((l) => l.status),
    peers: tells((l) => l.peers),
    root: tells((l) => l.root),
    cuts: tells((l) => l.cuts),
    certificate: tells((l) => l.certificate),
    floor: tells((l) => l.floor),
    evidence: tells((l) => l.evidence),
    setMode: tells((l) => l.setMode),
    cutCells: tells((l) => l.cutCells),
    verifyStore: tells((l) => l.verifyStore),
    signText: tells((l) => l.signText),
    series: tells((l) => l.series),

    get: waits((l) => l.get),
    list: waits((l) => l.list),
    history: waits((l) => l.history),
    changedIn: waits((l) => l.changedIn),
    conflicts: waits((l) => l.conflicts),
    displaced: waits((l) => l.displaced),
    writtenBy: waits((l) => l.writtenBy),
    clean: waits((l) => l.clean),
    prove: waits((l) => l.prove),
    write,
    addPeer: waits((l) => l.addPeer),
    removePeer: waits((l) => l.removePeer),
    pingPeer: waits((l) => l.pingPeer),
    differences: waits((l) => l.differences),
    syncNow: waits((l) => l.syncNow),
    subscribe: waits((l) => l.subscribe),
    verifyIntegrity: waits((l) => l.verifyIntegrity),
    async wholeState(options) {
      await gate.pass();
      const at = now();
      const whole = await at.life.run(() => at.lattice.wholeState(options));
      return { ...whole, close: () => whole.close(), chunks: partsOf(at, whole.chunks) };
    },
    ...(first.snapshots === undefined
      ? {}
      : {
          snapshots: {
            manifest: waits((l) => snapshotsOf(l).manifest),
            chunk: waits((l) => snapshotsOf(l).chunk),
          },
        }),
    sync: {
      identify: tells((l) => l.sync.identify),
      screen: tells((l) => l.sync.screen),
      handle: waits((l) => l.sync.handle),
      admit: waits((l) => l.sync.admit),
      open: waits((l) => l.sync.open),
    },
    audit: {
      add: waits((l) => l.audit.add),
      executions: (limit) => parts((l) => l.audit.executions(limit)),
      attacks: (limit) => parts((l) => l.audit.attacks(limit)),
      list: waits((l) => l.audit.list),
      stats: waits((l) => l.audit.stats),
    },
    receipts: { reserve: tells((l) => l.receipts.reserve) },
    setAside: {
      list: waits((l) => l.setAside.list),
      recover: waits((l) => l.setAside.recover),
      forget: waits((l) => l.setAside.forget),
    },
    tokens: {
      list: tells((l) => l.tokens.list),
      find: tells((l) => l.tokens.find),
      isValid: tells((l) => l.tokens.isValid),
      any: tells((l) => l.tokens.any),
      create: waits((l) => l.tokens.create),
      remove: waits((l) => l.tokens.remove),
    },
    members: {
      roster: tells((l) => l.members.roster),
      changes: tells((l) => l.members.changes),
      chain: tells((l) => l.members.chain),
      founders: tells((l) => l.members.founders),
      propose: waits((l) => l.members.propose),
      approve: waits((l) => l.members.approve),
      withdraw: waits((l) => l.members.withdraw),
      settled: waits((l) => l.members.settled),
    },
    invitations: {
      list: tells((l) => l.invitations.list),
      add: waits((l) => l.invitations.add),
      remove: waits((l) => l.invitations.remove),
      join: waits((l) => l.invitations.join),
    },
    ...(first.vault === undefined
      ? {}
      : {
          vault: {
            put: waits((l) => vaultOf(l).put),
            stat: waits((l) => vaultOf(l).stat),
            open: waits((l) => vaultOf(l).open),
            leaves: waits((l) => vaultOf(l).leaves),
            list: waits((l) => vaultOf(l).list),
            pin: waits((l) => vaultOf(l).pin),
            remove: waits((l) => vaultOf(l).remove),
            holders: waits((l) => vaultOf(l).holders),
            fetch: waits((l) => vaultOf(l).fetch),
            verify: (hash) => parts((l) => vaultOf(l).verify(hash)),
            collect: waits((l) => vaultOf(l).collect),
            status: tells((l) => vaultOf(l).status),
          },
        }),
  };
}

/** Whether a node has a vault, and serves snapshots, does not change with its key. */
function vaultOf({ vault }: Lattice): NonNullable<Lattice['vault']> {
  if (vault === undefined) throw new Error('this node has no vault');
  return vault;
}

function snapshotsOf({ snapshots }: Lattice): NonNullable<Lattice['snapshots']> {
  if (snapshots === undefined) throw new Error('this node serves no snapshots');
  return snapshots;
}
