import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { plant } from './plant.mjs';

/**
 * Loaded before a node: kills it (as kill -9 does) at the step of a ballot that the file `step` in STEPS_DIR names, and
 * writes every vote that it signs to `votes` there, one JSON line each. At every step what the node has said so far is
 * durable, and what follows has been told to nobody:
 *
 * - `proposed`: it has accepted its own proposal
 * - `accepted`: it has accepted a proposal of somebody else
 * - `decided`: it has the certificate
 */
const directory = process.env.STEPS_DIR;
const stepFile = join(directory, 'step');
const forever = new Int32Array(new SharedArrayBuffer(4));

globalThis.atBallotStep = (name) => {
  if (!existsSync(stepFile) || readFileSync(stepFile, 'utf8') !== name) return;
  process.kill(process.pid, 'SIGKILL');
  Atomics.wait(forever, 0, 0);
};
globalThis.onSignedVote = (statement) => {
  const line = JSON.stringify(statement, (_name, value) =>
    value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value,
  );
  appendFileSync(join(directory, 'votes'), `${line}\n`);
};

const BALLOTS = 'runtime/membership/ballots.js';
const before = (step, file, from) => ({ file, from, to: `globalThis.atBallotStep('${step}');\n${from}` });
const steps = [
  before('proposed', BALLOTS, 'proposals.set(self, notice);'),
  before('accepted', BALLOTS, 'const mine = sign(statement);'),
  before('decided', 'runtime/membership/certificates.js', 'roster.take({'),
  {
    file: BALLOTS,
    from: 'const sign = (statement) => ',
    to: 'const sign = (statement) => globalThis.onSignedVote(statement) ?? ',
  },
];
plant(steps);
