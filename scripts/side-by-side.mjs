// Runs scripts of package.json side by side, as many at once as there are processors, and shows what each printed when
// it has ended. Exits with 1 when any of them failed. Usage: node scripts/side-by-side.mjs <script>...
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';

const waiting = process.argv.slice(2);
const failed = [];

async function run(script) {
  const child = spawn('npm', ['run', '-s', script], { stdio: ['ignore', 'pipe', 'pipe'] });
  const printed = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (piece) => printed.push(piece));
  const [code] = await once(child, 'close');
  process.stdout.write(Buffer.concat(printed));
  if (code === 0) return;
  process.stdout.write(`${script} failed\n`);
  failed.push(script);
}

async function takeTurns() {
  for (let script = waiting.shift(); script !== undefined; script = waiting.shift()) await run(script);
}

await Promise.all(Array.from({ length: availableParallelism() }, takeTurns));
if (failed.length > 0) {
  process.stdout.write(`failed: ${failed.join(', ')}\n`);
  process.exitCode = 1;
}
