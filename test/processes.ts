/** Folders of `test` whose files share processes: one process runs many of them. */
export const SHARING = ['unit', 'contract', 'vectors', 'regressions', 'model'];

/** Files there that put planted bugs in the place of modules: each has a process of its own. */
export const PLANTED = ['test/model/planted.test.ts'];
