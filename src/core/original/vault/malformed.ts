import { LatticeError } from '../../types/index.ts';

export function malformed(message: string): LatticeError {
  return new LatticeError('vault-file-malformed', message, {
    next: 'Take the file from the vault of the original again, as that wrote it.',
  });
}
