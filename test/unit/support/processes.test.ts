import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { PLANTED, SHARING } from '../../processes.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));

// A replaced module would stay replaced for every file that runs later in the same process.
it('files that share a process replace no modules', () => {
  const replacing = SHARING.flatMap((folder) =>
    readdirSync(join(root, 'test', folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.test.ts'))
      .map((name) => `test/${folder}/${name}`)
      .filter((file) => /^vi\.(?:mock|doMock)\(/m.test(readFileSync(join(root, file), 'utf8'))),
  );
  expect(replacing).toEqual(PLANTED);
});
