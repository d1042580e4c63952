/** Folders of `test` whose files share processes: one process runs many of them. */
export const SHARING = ['unit', 'contract', 'vectors', 'regressions', 'model'];

/** Files there that have a process of their own: they put others in the place of modules, or count the timers of all. */
export const APART = ['test/model/planted.test.ts', 'test/unit/client/follow.test.ts'];
