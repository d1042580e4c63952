import { randomFillSync } from 'node:crypto';
import type { Random } from '../../ports/index.ts';

/** `bytes` is fit for keys and nonces; `fraction` is for jitter only. */
export function systemRandom(): Random {
  return {
    bytes: (length) => randomFillSync(new Uint8Array(length)),
    fraction: () => Math.random(),
  };
}
