import { plant } from './plant.mjs';

/**
 * Loaded before a program: puts defects into its modules. DEFECTS is JSON, a list of `file` (the end of the module's
 * path), `from` (a text that stands once in what the build has made of it) and `to` (what stands there instead).
 */
plant(JSON.parse(process.env.DEFECTS));
