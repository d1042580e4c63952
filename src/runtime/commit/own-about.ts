import { SPOKEN_VERSION } from '../../core/types/index.ts';
import type { About } from '../../core/wire/index.ts';
import type { Guard } from './guard.ts';

/** What this node tells of itself with its hellos (SPEC S16). */
export interface OwnAbout {
  now(): About;
  /** Gives what tells whether a snapshot is being taken over. To be called once, when that part is there. */
  takesOver(isTakingOver: () => boolean): void;
}

export function createOwnAbout(deps: {
  readonly name: string;
  readonly guard: () => Pick<Guard, 'reasons'>;
}): OwnAbout {
  let isTakingOver = (): boolean => false;
  return {
    now: () => ({
      name: deps.name,
      condition: {
        serves: !isTakingOver(),
        readOnly: deps
          .guard()
          .reasons()
          .map(({ code }) => code)
          .sort(),
      },
      reads: SPOKEN_VERSION,
    }),
    takesOver(given) {
      isTakingOver = given;
    },
  };
}
