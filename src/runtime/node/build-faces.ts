import { createIdempotency } from '../commit/idempotency.ts';
import { checkWritable, createWrites } from '../commit/writes.ts';
import type { NodeDeps } from '../facade/options.ts';
import { createByAuthor } from '../read/by-author.ts';
import { createReads } from '../read/reads.ts';
import { createCleaning } from '../upkeep/cleaning.ts';
import { createRecovery } from '../upkeep/recover.ts';
import { createVault, type Vault } from '../vault/vault.ts';
import type { DutyParts } from './build-duties.ts';
import type { LungParts } from './build-lungs.ts';
import type { StateParts } from './build-state.ts';
import type { OpenedNode } from './open.ts';

export type FaceParts = ReturnType<typeof buildFaces>;

/**
 * Builds what clients, operators and the vault read and write the state by, and the vault where the node has one.
 */
export function buildFaces(
  deps: NodeDeps,
  { self }: OpenedNode,
  { entries, fleetClock, guard, members, names, peers, writer }: StateParts,
  { linkTo }: LungParts,
  { asides, bootstrap, headerVersions }: DutyParts,
) {
  const { store, hasher, clock, random, metrics } = deps;
  const { now } = fleetClock;
  const reads = {
    ...createReads({ store, hasher, writer, entries, now }),
    ...createByAuthor({ writer, entries, now }),
  };
  const writes = createWrites({
    guard,
    writer,
    idempotency: createIdempotency({ store, hasher, clock }),
    checkEnds: headerVersions.check,
  });
  const cleaning = createCleaning({
    entries,
    writer,
    writeIntent: writes.writeIntent,
    hasher,
    now,
    log: deps.log.child('members'),
  });
  const vault: Vault | undefined =
    deps.vault === undefined
      ? undefined
      : createVault({
          ...deps.vault,
          hasher,
          clock,
          now,
          random,
          metrics,
          log: deps.log.child('vault'),
          self,
          get: reads.get,
          list: reads.list,
          write: writes.writeReserved,
          checkWritable: () => checkWritable(guard),
          entries,
          between: (read) => writer.read(read),
          queuedWrites: () => writer.queued,
          peers: () => peers.all(),
          isMember: members.has,
          linkTo,
          nameOf: names.label,
          isBootstrapping: () => bootstrap.blocksRepairs,
        });
  const recovery = createRecovery({
    asides,
    entries,
    writer,
    write: writes.writeReserved,
    hasher,
    names,
    now: fleetClock.now,
    log: deps.log.child('floor'),
  });
  return { cleaning, reads, recovery, writes, vault };
}
