// What the processes of all systems have in common: the parent sends operations as messages, and each gets an answer.
import { createHash } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';

const POLL_MS = 5;

// Parts of libp2p call Promise.withResolvers, which Node 20 lacks.
Promise.withResolvers ??= function withResolvers() {
  let resolve;
  let reject;
  const promise = new Promise((...both) => {
    [resolve, reject] = both;
  });
  return { promise, resolve, reject };
};

export const keyOf = (n) => `bench/entry/${String(n).padStart(8, '0')}`;
/** A value of 100 bytes, different for each entry. */
export const valueOf = (n) =>
  `${String(n).padStart(8, '0')} the quick brown fox jumps over the lazy dog `.padEnd(100, '0123456789');

/** The number of entries, and SHA-256 over all keys and values in key order. Equal states have equal dumps. */
export function dumpOf(pairs) {
  const hash = createHash('sha256');
  for (const [key, value] of [...pairs].sort((a, b) => (a[0] < b[0] ? -1 : 1))) hash.update(`${key}\n${value}\n`);
  return { entries: pairs.length, hash: hash.digest('hex') };
}

/** Writes entries `from` … `from + count − 1`, `inFlight` at a time. Resolves with the time that it took, ms. */
export async function writeAll({ from, count, inFlight }, write) {
  const started = performance.now();
  let next = from;
  await Promise.all(
    Array.from({ length: inFlight }, async () => {
      while (next < from + count) {
        const n = next++;
        await write(keyOf(n), valueOf(n));
      }
    }),
  );
  return performance.now() - started;
}

/** Waits until `fingerprint()` is `wanted`. Resolves with the ms; undefined when the deadline comes first. */
export async function reach({ wanted, deadlineMs }, fingerprint) {
  const started = performance.now();
  while ((await fingerprint()) !== wanted) {
    if (performance.now() - started > deadlineMs) return undefined;
    await pause(POLL_MS);
  }
  return performance.now() - started;
}

/** Answers `{id, operation, argument}` messages until the parent has ended. */
export function serve(operations) {
  const answer = async ({ id, operation, argument }) => {
    try {
      process.send({ id, result: await operations[operation](argument) });
    } catch (error) {
      process.send({ id, error: String(error?.stack ?? error) });
    }
  };
  process.on('message', (message) => void answer(message));
  process.on('disconnect', () => process.exit(0));
}
