// Runs the built command line: npm run lattice -- status
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const main = new URL('../dist/cli/main.js', import.meta.url);
if (existsSync(main)) {
  process.argv[1] = fileURLToPath(main);
  await import(main.href);
} else {
  process.stderr.write('error: the command line is not built yet\n  next: npm run build\n');
  process.exitCode = 1;
}
