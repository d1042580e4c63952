import { expect, it } from 'vitest';
import { configurationTable, readDocument } from './support.ts';

it('the configuration table of docs/operating.md is that of the code', () => {
  expect(readDocument('docs/operating.md')).toContain(`\n${configurationTable()}\n`);
});
