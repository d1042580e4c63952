import type { Lattice } from '../runtime/index.ts';
import { followChanges } from '../runtime/streams/changes.ts';
import { streamOf } from '../timing/index.ts';
import { embedMembers } from './embed-members.ts';
import { embedVault } from './embed-vault.ts';
import { CALLS } from './embedded-arguments.ts';
import { embedInvitations } from './embedded-invitations.ts';
import type { EmbeddedLattice } from './embedded-lattice.ts';
import { guardFace } from './guarded-face.ts';
import type { Life } from './life.ts';

/** Entries of one page while all of them are read. */
const PAGE = 1000;

/**
 * The face that a node shows the program that embeds it: the facade, with a signal for every call that waits, and with a
 * LatticeError for every call that is given something wrong, and for every call once the node has ended.
 */
export function embed(lattice: Lattice, life: Life): EmbeddedLattice {
  /** A call that answers at once. */
  const now =
    <A extends readonly unknown[], R>(call: (...given: A) => R) =>
    (...given: A): R => {
      life.check();
      return call(...given);
    };

  /** Runs a call whose result has to be closed, which is done here when nobody waits for it any more. */
  async function open<T extends { close(): void }>(
    work: () => Promise<T>,
    signal: AbortSignal | undefined,
  ): Promise<T> {
    let opening: Promise<T> | undefined;
    try {
      return await life.run(() => (opening = work()), signal);
    } catch (error) {
      void opening?.then(
        (opened) => opened.close(),
        () => undefined,
      );
      throw error;
    }
  }

  const face: EmbeddedLattice = {
    status: now(lattice.status),
    peers: now(lattice.peers),
    root: now(lattice.root),
    cuts: now(lattice.cuts),
    floor: now(lattice.floor),
    certificate: now(lattice.certificate),
    series: now(lattice.series),
    setMode: now(lattice.setMode),
    evidence: now(lattice.evidence),
    verifyStore: now(lattice.verifyStore),
    ...(lattice.vault === undefined ? {} : { vault: embedVault(lattice.vault, life) }),
    audit: {
      add: (records, { signal } = {}) => life.run(() => lattice.audit.add(records), signal),
      list: ({ signal, ...asked }) => life.run(() => lattice.audit.list(asked), signal),
      stats: ({ signal } = {}) => life.run(() => lattice.audit.stats(), signal),
    },

    tokens: {
      list: now(lattice.tokens.list),
      create: (wish, { signal } = {}) => life.run(() => lattice.tokens.create(wish), signal),
      remove: (id, { signal } = {}) => life.run(() => lattice.tokens.remove(id), signal),
    },
    setAside: {
      list: ({ signal, ...asked } = {}) => life.run(() => lattice.setAside.list(asked), signal),
      recover: (wish, { signal } = {}) => life.run(() => lattice.setAside.recover(wish), signal),
      forget: (choice, { signal } = {}) => life.run(() => lattice.setAside.forget(choice), signal),
    },
    members: embedMembers(lattice.members, life),
    invitations: embedInvitations(lattice.invitations, life),

    get: (key, { signal } = {}) => life.run(() => lattice.get(key), signal),
    list: ({ signal, ...asked } = {}) => life.run(() => lattice.list(asked), signal),
    entries({ prefix = '', signal } = {}) {
      return streamOf(async function* (ending) {
        let cursor: string | undefined;
        do {
          const asked = { prefix, limit: PAGE, ...(cursor === undefined ? {} : { cursor }) };
          const page = await life.run(() => lattice.list(asked), ending);
          yield* page.items;
          cursor = page.cursor;
        } while (cursor !== undefined);
      }, signal);
    },
    history: (key, { signal, ...asked } = {}) => life.run(() => lattice.history(key, asked), signal),
    displaced: ({ signal, ...asked } = {}) => life.run(() => lattice.displaced(asked), signal),
    conflicts: ({ signal, ...asked } = {}) => life.run(() => lattice.conflicts(asked), signal),
    writtenBy: (author, { signal, since = 0, ...asked } = {}) =>
      life.run(() => lattice.writtenBy(author, { since, ...asked }), signal),
    clean: (author, { signal, ...wish } = {}) => life.run(() => lattice.clean(author, wish), signal),
    prove: (key, { signal, ...asked } = {}) => life.run(() => lattice.prove(key, asked), signal),
    verifyIntegrity: ({ signal } = {}) => life.run(() => lattice.verifyIntegrity(), signal),
    write: (operations, { receipt: wish, ...options } = {}) =>
      life.run(async () => {
        if (wish === undefined) return lattice.write(operations, options);
        const place = lattice.receipts.reserve(wish);
        try {
          const written = await lattice.write(operations, options);
          const { commit, hlc, results } = written;
          const keys = results.map(({ key }) => key);
          return { ...written, receipt: await place.wait({ commit, hlc, keys }, options.signal) };
        } finally {
          place.end();
        }
      }, options.signal),
    addPeer: (peer, { signal } = {}) => life.run(() => lattice.addPeer(peer), signal),
    removePeer: (peer, { signal } = {}) => life.run(() => lattice.removePeer(peer), signal),
    pingPeer: (peer, { signal } = {}) => life.run(() => lattice.pingPeer(peer), signal),
    differences: (peer, { signal, ...asked } = {}) => life.run(() => lattice.differences(peer, asked), signal),
    syncNow: ({ signal } = {}) => life.run(() => lattice.syncNow(), signal),
    async wholeState({ signal } = {}) {
      const { chunks, ...whole } = await open(() => lattice.wholeState(), signal);
      return { ...whole, chunks: life.steps(() => chunks) };
    },
    async subscribe(send, { after, dropped, signal } = {}) {
      const onAbort = (): void => close();
      const forget = (): void => signal?.removeEventListener('abort', onAbort);
      const subscription = await open(
        () =>
          lattice.subscribe(after, send, () => {
            forget();
            try {
              dropped?.();
            } catch {
              // The program is told of the end, and what it throws then must not keep the others from being told.
            }
          }),
        signal,
      );
      function close(): void {
        forget();
        subscription.close();
      }
      if (signal?.aborted === true) close();
      else signal?.addEventListener('abort', onAbort, { once: true });
      return { ...subscription, close };
    },
    changes: (options = {}) => followChanges(lattice.subscribe, options, life.ended),
  };
  return guardFace(face, CALLS, life.check);
}
