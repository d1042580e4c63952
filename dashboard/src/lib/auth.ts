import { signal } from '@preact/signals';

/**
 * The API token of this tab. It is in memory only: it is forgotten with the tab, and no other tab or page sees it.
 */
export const token = signal<string | undefined>(undefined);

/** The open question for the token. Undefined when there is none. */
export const question = signal<
  | {
      readonly why: string;
      /** True: the node has refused the token that this tab used so far. */
      readonly refused: boolean;
      answer(token: string | undefined): void;
    }
  | undefined
>(undefined);

/** True while the last token that was given is known to be wrong. */
let refused = false;

/**
 * Resolves with the token, for which it asks when this tab has none. Undefined when the user declines. `why` completes
 * the sentence "Sign in …".
 */
export function askToken(why: string): Promise<string | undefined> {
  if (token.value !== undefined) return Promise.resolve(token.value);
  question.peek()?.answer(undefined);
  return new Promise((resolve) => {
    question.value = {
      why,
      refused,
      answer(given) {
        question.value = undefined;
        refused = false;
        if (given !== undefined) token.value = given;
        resolve(given);
      },
    };
  });
}

/** Forgets a token that the node has refused. The next action asks for it again. */
export function forgetToken(): void {
  if (token.peek() !== undefined) refused = true;
  token.value = undefined;
}

/** Forgets the token because the user asks for it. */
export function signOut(): void {
  token.value = undefined;
}
