import type { Store } from '../ports/index.ts';

/**
 * The store with a witness that knows what it was last told in this process too. A node that takes the place of another
 * one over an open store (SPEC RO18) compares the end of the store with that, as it would after a restart (N15).
 */
export function keepWitness(store: Store): Store {
  const { witness } = store;
  if (witness === undefined) return store;
  let { earlier } = witness;
  return {
    ...store,
    witness: {
      get earlier() {
        return earlier;
      },
      note(record) {
        witness.note(record);
        earlier = { record, clean: true };
      },
    },
  };
}
