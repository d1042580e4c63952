/**
 * Folders of `test` whose files share processes, by the name of their project: a process runs many files of one project,
 * and loads the sources and their libraries once. For a process that keeps what several hundred tests have left in
 * memory, collecting it would cost more than loading the sources anew; so each project has processes of its own.
 */
export const SHARING: Readonly<Record<string, readonly string[]>> = {
  'unit-core': ['unit/core', 'vectors', 'regressions'],
  'unit-runtime': ['unit/runtime'],
  'unit-api': ['unit/api'],
  'unit-surface': ['unit/app', 'unit/audit', 'unit/cli', 'unit/config', 'unit/dashboard', 'unit/deploy', 'unit/moving'],
  'unit-edge': ['unit/adapters', 'unit/docs', 'unit/support', 'unit/timing', 'contract'],
};

/** Folders whose files have a process each: some of them replace modules, or count timers. */
export const ISOLATED = ['model', 'unit/client'];

/**
 * The young generation of a process, MiB for each half. Tests make much that is dead a moment later, and with Node's own
 * 16 a good part of it is copied to the old generation, whose collection takes longer the more files have run.
 */
export const SEMI_SPACE_MIB = 64;
