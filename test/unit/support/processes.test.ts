import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { ISOLATED, SHARING } from '../../processes.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));

// A replaced module would stay replaced for every file that runs later in the same process, and these have timers too.
it('files that share a process replace no modules and count no timers', () => {
  const apart = Object.values(SHARING)
    .flat()
    .flatMap((folder) =>
      readdirSync(join(root, 'test', folder), { recursive: true, encoding: 'utf8' })
        .filter((name) => name.endsWith('.test.ts'))
        .map((name) => `test/${folder}/${name}`)
        .filter((file) => /^vi\.(?:mock|doMock)\(|vi\.getTimerCount\(/m.test(readFileSync(join(root, file), 'utf8'))),
    );
  expect(apart).toEqual([]);
});

it('every folder of unit tests runs in one project', () => {
  const folders = [...Object.values(SHARING).flat(), ...ISOLATED];
  const unit = readdirSync(join(root, 'test/unit'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => `unit/${name}`);
  expect([...folders].sort()).toEqual([...unit, 'contract', 'model', 'regressions', 'vectors'].sort());
  expect(readdirSync(join(root, 'test/unit')).filter((name) => name.endsWith('.test.ts'))).toEqual([]);
});
