export { type FilesVaultDeps, openFilesVault } from './files.ts';
export { createMemoryVault } from './memory.ts';
export type { Room } from './uploads.ts';
