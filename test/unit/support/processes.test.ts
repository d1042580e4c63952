import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { SHARING } from '../../processes.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));

// A replaced module would stay replaced for every file that runs later in the same process, and these have timers too.
it('files that share a process replace no modules and count no timers', () => {
  const apart = SHARING.flatMap((folder) =>
    readdirSync(join(root, 'test', folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.test.ts'))
      .map((name) => `test/${folder}/${name}`)
      .filter((file) => /^vi\.(?:mock|doMock)\(|vi\.getTimerCount\(/m.test(readFileSync(join(root, file), 'utf8'))),
  );
  expect(apart).toEqual([]);
});
