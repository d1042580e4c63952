import { readFileSync } from 'node:fs';
import { packageFile } from '../adapters/system/package-files.ts';

/** The version of this software, which stands in package.json only. */
export const VERSION: string = (JSON.parse(readFileSync(packageFile('package.json'), 'utf8')) as { version: string })
  .version;
