import { LatticeError } from '../../core/types/index.ts';

/** Which methods a path takes, by the patterns of the routes. */
export interface MethodTable {
  add(pattern: string, methods: readonly string[]): void;
  /** The methods of a path without its query, as the header Allow names them. Undefined when there is no such path. */
  allowed(path: string): string | undefined;
  /** The same of a path that is itself a pattern without parameters; undefined for every other one. */
  fixed(path: string): string | undefined;
  /** Every route as `METHOD pattern`. */
  all(): readonly string[];
}

/** A pattern of the router as an expression for whole paths: `:name` is one part of a path, and `*` is the rest. */
function toExpression(pattern: string): RegExp {
  const source = pattern
    .split(/(:[A-Za-z]+|\*)/)
    .map((part) => (part === '*' ? '.*' : part.startsWith(':') ? '[^/]*' : part.replace(/[.+?^${}()|[\]\\]/g, '\\$&')));
  return new RegExp(`^${source.join('')}$`);
}

export function createMethodTable(): MethodTable {
  const byPattern = new Map<string, { readonly expression: RegExp; readonly methods: Set<string> }>();
  const allowOf = (methods: ReadonlySet<string>): string => [...methods, 'OPTIONS'].join(', ');
  return {
    add(pattern, methods) {
      const known = byPattern.get(pattern) ?? { expression: toExpression(pattern), methods: new Set<string>() };
      for (const method of methods) known.methods.add(method);
      byPattern.set(pattern, known);
    },
    allowed(path) {
      // As in the router, a pattern that is the very path comes before those with parameters.
      const found = byPattern.get(path) ?? [...byPattern.values()].find(({ expression }) => expression.test(path));
      return found === undefined ? undefined : allowOf(found.methods);
    },
    fixed(path) {
      const found = byPattern.get(path);
      return found === undefined || /[:*]/.test(path) ? undefined : allowOf(found.methods);
    },
    all: () => [...byPattern].flatMap(([pattern, { methods }]) => [...methods].map((method) => `${method} ${pattern}`)),
  };
}

/** A path as the router reads it, part by part: an encoded slash is no end of a part. */
export function decodedPath(path: string): string {
  try {
    return path.replaceAll(/%(?!2f)[0-9a-f]{2}/gi, decodeURIComponent);
  } catch {
    // More than ASCII, of which no path without parameters has any.
    return path;
  }
}

/** The error of a request whose path has other methods, or nothing at all. */
export function wrongMethod(allow: string | undefined): LatticeError {
  return allow === undefined
    ? new LatticeError('no-route', 'there is nothing under this path')
    : new LatticeError('method-not-allowed', `this path takes ${allow}`);
}
