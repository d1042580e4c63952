import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { readMirror, writeMirror } from '../../../src/moving/mirror-file.ts';
import { directoryOf } from './support.ts';

it('what an import remembers is read again for the same source, and refused for another one [I8]', async () => {
  const path = join(directoryOf({}), 'memory');
  expect(await readMirror(path, 'http://one')).toEqual(new Map());
  await writeMirror(path, 'http://one', new Map([['a', 'v1']]));
  expect(await readMirror(path, 'http://one')).toEqual(new Map([['a', 'v1']]));
  await expect(readMirror(path, 'http://two')).rejects.toMatchObject({
    code: 'other-source',
    message: expect.stringContaining('http://one') as unknown,
    next: expect.stringContaining('--remember') as unknown,
  });
  // Without a source nobody knows whose keys these are.
  for (const text of ['', '{}', '{"format":"diotec360-lattice-import/1","versions":{"a":"v1"}}', '[1]']) {
    writeFileSync(path, text);
    await expect(readMirror(path, 'http://one'), text).rejects.toMatchObject({ code: 'file-unreadable' });
  }
});
