import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const EXAMPLE = fileURLToPath(new URL('../../examples/embed/two-nodes.mjs', import.meta.url));

test('the example of the embedding guide runs: two nodes in one program end with one root', async () => {
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [EXAMPLE], { timeout: 60_000 });
  expect(stderr).toBe('');
  expect(stdout).toMatch(/^written on the left: commit [0-9a-f]{16}$/m);
  expect(stdout).toMatch(/^arrived on the right: version [0-9a-f]{16}$/m);
  expect(stdout).toContain('the right reads {"item":"lamp","pieces":2}');
  expect(stdout).toContain('a write on an old version is refused: precondition-failed');
  expect(stdout).toContain('equal roots: true');
  expect(stdout).toMatch(/^proven: orders\/1 \{"item":"lamp","pieces":2\} under root [0-9a-f]{16}$/m);
});
