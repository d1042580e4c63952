import { signal } from '@preact/signals';

/**
 * The API token of this tab. In memory only: it goes with the tab, and no other tab or script of another page sees it.
 */
export const token = signal<string | undefined>(undefined);

/** An open question for the token, or undefined. */
export const question = signal<
  { readonly why: string; readonly wrong: boolean; answer(token: string | undefined): void } | undefined
>(undefined);

/** Set while the last token that was given turned out wrong. */
let refused = false;

/** The token, asked for when this tab has none. Undefined when the reader would rather not. */
export function askToken(why: string): Promise<string | undefined> {
  if (token.value !== undefined) return Promise.resolve(token.value);
  question.peek()?.answer(undefined);
  return new Promise((resolve) => {
    question.value = {
      why,
      wrong: refused,
      answer(given) {
        question.value = undefined;
        refused = false;
        if (given !== undefined) token.value = given;
        resolve(given);
      },
    };
  });
}

/** The node refused the token: the next action asks again. */
export function forgetToken(): void {
  if (token.peek() !== undefined) refused = true;
  token.value = undefined;
}

/** The reader forgets it: nothing was wrong with it. */
export function signOut(): void {
  token.value = undefined;
}
