/**
 * Folders of `test` whose files share processes: one process runs many of them, and loads the sources once. Their tests
 * keep little in memory; where they keep much, collecting it costs more than loading the sources anew.
 */
export const SHARING = ['unit/core', 'vectors', 'regressions'];

/** Folders whose files have a process each. */
export const ISOLATED = ['unit', 'contract', 'model'];
