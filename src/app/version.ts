import { readFileSync } from 'node:fs';

/** The package's own, beside `src` in a checkout and beside `dist` in a package. */
const PACKAGE = new URL('../../package.json', import.meta.url);

/** The version of this software: package.json is the one place where it stands. */
export const VERSION: string = (JSON.parse(readFileSync(PACKAGE, 'utf8')) as { version: string }).version;
