import { createHash, randomBytes } from 'node:crypto';
import {
  applyChange,
  type ChangeAction,
  changeHash,
  decidersOf,
  initialRoster,
  isWriter,
  type RosterState,
  stateOf,
  writersOf,
} from '../../src/core/roster/index.ts';
import { type Author, bytesToHex, type Hasher, LatticeError } from '../../src/core/types/index.ts';
import { authorToPeerId } from '../../src/core/wire/peer-id.ts';
import type { ChangeView, MembershipService } from '../../src/runtime/facade/index.ts';

const hasher = { hash: (bytes) => new Uint8Array(createHash('sha256').update(bytes).digest()) } as Hasher;

/** The membership of a fleet in memory, whose other members approve by `approveAs`. Nothing in it is signed. */
export interface MemoryMembers extends MembershipService {
  approveAs(author: Author, id: string): void;
}

/** A roster of these founders, seen by whomever. */
export function createMemoryFleet(founders: readonly Author[]): (self: Author) => MemoryMembers {
  let state: RosterState = stateOf(initialRoster(founders), new Set(), hasher);
  const changes = new Map<string, { action: ChangeAction; approvals: Set<Author>; ended?: Partial<ChangeView> }>();
  const waiting = new Set<() => void>();

  function view(id: string): ChangeView {
    const change = changes.get(id);
    if (change === undefined) throw new LatticeError('not-found', 'there is no such change');
    const writers = writersOf(state.roster);
    const named = (author: Author) => ({ author, name: author.slice(0, 8) });
    return {
      id,
      action: change.action,
      stage: 'waiting',
      text: `${change.action.kind} is asked for`,
      why: 'approvals are missing',
      approvals: [...change.approvals].map((author) => ({ ...named(author), expires: Date.now() + 604_800_000 })),
      needed: decidersOf(state.roster),
      missing: writers.filter((author) => !change.approvals.has(author)).map(named),
      ...change.ended,
    };
  }
  function approveAs(author: Author, id: string): void {
    const change = changes.get(id);
    if (change === undefined) throw new LatticeError('not-found', 'there is no such change');
    change.approvals.add(author);
    const counted = [...change.approvals].filter((one) => isWriter(state.roster, one));
    if (change.ended !== undefined || counted.length < decidersOf(state.roster)) return;
    const next = applyChange(state, change.action, Date.now() + 60_000);
    state = stateOf(next, state.departed, hasher);
    change.ended = { stage: 'decided', why: `decided in epoch ${next.epoch}`, epoch: next.epoch, missing: [] };
    for (const wake of waiting) wake();
  }

  return (self) => ({
    approveAs,
    roster: () => ({
      epoch: state.roster.epoch,
      hash: bytesToHex(state.hash),
      certify: state.roster.certify,
      retentionMs: state.roster.retentionMs,
      members: state.roster.members.map(({ author, name, role, until }) => ({
        author,
        peerId: authorToPeerId(author),
        name,
        role,
        ...(role === 'retired' ? { until } : {}),
        self: author === self,
        urls: [],
        multiaddrs: [],
      })),
      start: 0,
      warnings: [],
    }),
    changes: () => [...changes.keys()].map(view),
    async propose(action) {
      applyChange(state, action, Date.now());
      const change = { network: 'test', nonce: new Uint8Array(randomBytes(16)), action };
      const id = bytesToHex(changeHash(change, hasher));
      changes.set(id, { action, approvals: new Set() });
      approveAs(self, id);
      return view(id);
    },
    async approve(id) {
      approveAs(self, id);
      return view(id);
    },
    async withdraw(id) {
      const change = changes.get(id);
      if (change === undefined) throw new LatticeError('not-found', 'there is no such change');
      change.approvals.delete(self);
      if (change.approvals.size === 0) change.ended = { stage: 'withdrawn', why: 'nobody approves it any more' };
      for (const wake of waiting) wake();
      return view(id);
    },
    async settled(id, signal) {
      while (!signal.aborted && (view(id).stage === 'waiting' || view(id).stage === 'deciding')) {
        await new Promise<void>((resolve) => {
          const wake = (): void => {
            waiting.delete(wake);
            resolve();
          };
          waiting.add(wake);
          signal.addEventListener('abort', wake, { once: true });
        });
      }
      return view(id);
    },
    chain: () => [],
    founders: () => [...new Set(founders)].sort(),
  });
}
