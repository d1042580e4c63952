/**
 * Bugs that mutations.test.ts plants into the node's own modules, one at a time: each name stands where a mocked module
 * asks whether it is to misbehave.
 */
export const planted: { bug: string | undefined } = { bug: undefined };

export const isPlanted = (bug: string): boolean => planted.bug === bug;
