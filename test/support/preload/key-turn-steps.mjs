import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { plant } from './plant.mjs';

/**
 * Loaded before a node: kills it (as kill -9 does) at the step of a turn of its key that the file `step` in STEPS_DIR
 * names:
 *
 * - `begun`: the new key is in its place, and the node has been told
 * - `given`: the store is that of the new key, and the node still runs under the old one
 * - `stopped`: the node under the old key has stopped
 * - `opened`: the node under the new key has opened the store and has not started
 */
const stepFile = join(process.env.STEPS_DIR, 'step');
const forever = new Int32Array(new SharedArrayBuffer(4));

globalThis.atTurnStep = (name) => {
  if (!existsSync(stepFile) || readFileSync(stepFile, 'utf8') !== name) return;
  process.kill(process.pid, 'SIGKILL');
  Atomics.wait(forever, 0, 0);
};

const FILE = 'app/turning-node.js';
const before = (step, from) => ({ file: FILE, from, to: `globalThis.atTurnStep('${step}');\n${from}` });
const steps = [
  before('begun', 'await require_owner.handOverStore(directory, old.author, to);'),
  before('given', 'await require_timing.settleWithin(clock, MAX_STOP_MS, old.giveWay(), hangs);'),
  before('stopped', 'now = await deps.open(seed);'),
  before('opened', 'for (const [code, text] of readOnly)'),
];
plant(steps);
