import { type Take, unreadable } from './given.ts';

/** What a call takes in its places, and how it tells that something else was given. */
interface Guarded<A extends readonly unknown[], Rejects extends boolean> {
  readonly takes: { readonly [I in keyof A]-?: Take<A[I]> };
  readonly rejects: Rejects;
}

type AnyCall = (...given: never[]) => unknown;

/** What every call of a face takes, and those of its parts. */
export type Calls<F> = {
  readonly [K in keyof F]-?: NonNullable<F[K]> extends (...given: infer A) => infer R
    ? Guarded<A, R extends Promise<unknown> ? true : false>
    : Calls<NonNullable<F[K]>>;
};

/** A call that answers at once, or with a stream, and throws. */
export const throws = <A extends readonly unknown[]>(...takes: Guarded<A, false>['takes']): Guarded<A, false> => ({
  takes,
  rejects: false,
});

/** A call that answers with a promise, which it rejects. */
export const rejects = <A extends readonly unknown[]>(...takes: Guarded<A, true>['takes']): Guarded<A, true> => ({
  takes,
  rejects: true,
});

const isGuarded = (part: object): part is Guarded<unknown[], boolean> => 'takes' in part;

/**
 * The same face, whose calls check and copy what they are given before anything else sees it. `check` throws once the node
 * answers no call any more, which is told rather than what is wrong with one.
 */
export function guardFace<F extends object>(face: F, calls: Calls<F>, check: () => void): F {
  const guarded = Object.entries(face).map(([name, part]: [string, unknown]) => {
    const of = (calls as Readonly<Record<string, object>>)[name];
    if (of === undefined || part === undefined) throw new Error(`what ${name} takes is not known`);
    if (!isGuarded(of)) return [name, guardFace(part as object, of, check)];
    return [name, guardCall(part as AnyCall, of, check)];
  });
  return Object.fromEntries(guarded) as F;
}

function guardCall(call: AnyCall, { takes, rejects }: Guarded<unknown[], boolean>, check: () => void) {
  const own = (given: readonly unknown[]): never[] => {
    try {
      return takes.map((take, at) => take(given[at], 'what is given')) as never[];
    } catch (error) {
      check();
      throw unreadable(error);
    }
  };
  return rejects
    ? async (...given: readonly unknown[]) => await call(...own(given))
    : (...given: readonly unknown[]) => call(...own(given));
}
