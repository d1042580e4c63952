import { plant } from './plant.mjs';

/**
 * Loaded before `lattice members force`: kills it (as kill -9 does) at the step of its batch that FORCE_STEP names:
 * `before` it, `within` it, once it has been handed to the store, or `after` it, when it is durable and nothing else was
 * done.
 */
const forever = new Int32Array(new SharedArrayBuffer(4));
globalThis.atForceStep = (name) => {
  if (process.env.FORCE_STEP !== name) return;
  process.kill(process.pid, 'SIGKILL');
  Atomics.wait(forever, 0, 0);
};

const BATCH = 'store.batch(rowsOf(roster, record, chain))';
const step = (name) => `globalThis.atForceStep('${name}');`;
plant([
  {
    file: 'app/force.js',
    from: `await ${BATCH};`,
    to: `${step('before')} const batch = ${BATCH}; ${step('within')} await batch; ${step('after')}`,
  },
]);
