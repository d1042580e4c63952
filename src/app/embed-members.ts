import type { MembershipService } from '../runtime/index.ts';
import type { EmbeddedMembers } from './embedded-members.ts';
import type { Life } from './life.ts';

/** The membership of a node as the program that embeds it sees it, whose every call ends with the node. */
export function embedMembers(members: MembershipService, life: Life): EmbeddedMembers {
  return {
    roster() {
      life.check();
      return members.roster();
    },
    changes() {
      life.check();
      return members.changes();
    },
    chain(fromEpoch, limit) {
      life.check();
      return members.chain(fromEpoch, limit);
    },
    founders() {
      life.check();
      return members.founders();
    },
    propose: (action, { signal } = {}) => life.run(() => members.propose(action), signal),
    approve: (id, { signal } = {}) => life.run(() => members.approve(id), signal),
    withdraw: (id, { signal } = {}) => life.run(() => members.withdraw(id), signal),
    async settled(id, { signal } = {}) {
      // The service waits no longer than the call, however that ends.
      const leave = new AbortController();
      try {
        return await life.run(() => members.settled(id, leave.signal), signal);
      } finally {
        leave.abort();
      }
    },
  };
}
