export { createDisks, type Disk, type Disks, diskSlots } from './disk-calls.ts';
export { openFilesVault } from './files.ts';
export { createMemoryVault } from './memory.ts';
export { type OpenVaultDeps, openVaultStore, type VaultPlace } from './open.ts';
export { openS3Vault, type S3Settings } from './s3.ts';
