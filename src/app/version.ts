import { readFileSync } from 'node:fs';

/** The package.json of this package, which is beside `src` in a checkout and beside `dist` in a package. */
const PACKAGE = new URL('../../package.json', import.meta.url);

/** The version of this software, which stands in package.json only. */
export const VERSION: string = (JSON.parse(readFileSync(PACKAGE, 'utf8')) as { version: string }).version;
