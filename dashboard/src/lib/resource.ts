import { useSignalEffect } from '@preact/signals';
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { type ApiProblem, asProblem, getJson } from './api.ts';
import { token } from './auth.ts';
import { comebacks, link } from './live.ts';

/**
 * What is known of something that is read from the node. `missing`: this node has no such route. `locked`: it needs the
 * token.
 */
export type Loaded<T> =
  | { readonly state: 'loading' }
  | { readonly state: 'ready'; readonly data: T; readonly failure?: ApiProblem }
  | { readonly state: 'failed'; readonly failure: ApiProblem }
  | { readonly state: 'missing' }
  | { readonly state: 'locked' };

export type Resource<T> = Loaded<T> & { readonly reload: () => void };

export interface ResourceOptions {
  /** Read again after this many ms while the tab is seen. */
  readonly everyMs?: number;
  readonly withToken?: boolean;
  /** 404 means that the route is not there, not that the thing isn't. */
  readonly optional?: boolean;
  readonly long?: boolean;
}

/**
 * Reads `path` of the API (nothing while undefined), again when it changes, when the link comes back, and as often as
 * asked.
 */
export function useResource<T>(path: string | undefined, options: ResourceOptions = {}): Resource<T> {
  const { everyMs, withToken = false, optional = false, long = false } = options;
  const [loaded, setLoaded] = useState<{ readonly path: string | undefined; readonly value: Loaded<T> }>({
    path,
    value: { state: 'loading' },
  });
  const [turn, setTurn] = useState(0);
  const missing = useRef(false);
  const reload = useCallback(() => setTurn((n) => n + 1), []);
  const unlocked = !withToken || token.value !== undefined;

  useSignalEffect(() => {
    if (comebacks.value > 0) reload();
  });

  useEffect(() => {
    if (path === undefined || !unlocked) return undefined;
    const leave = new AbortController();
    let timer: number | undefined;
    missing.current = false;
    const read = async (): Promise<void> => {
      try {
        const data = await getJson<T>(path, { withToken, long });
        if (leave.signal.aborted) return;
        setLoaded({ path, value: { state: 'ready', data } });
      } catch (error) {
        if (leave.signal.aborted) return;
        const failure = asProblem(error);
        missing.current = optional && (failure.status === 404 || failure.status === 501);
        setLoaded((old) => {
          if (missing.current) return { path, value: { state: 'missing' } };
          // What was read stays on screen, with the failure beside it.
          const kept = old.path === path && old.value.state === 'ready';
          return {
            path,
            value: kept ? { state: 'ready', data: old.value.data, failure } : { state: 'failed', failure },
          };
        });
      }
      again();
    };
    const again = (): void => {
      if (everyMs === undefined || missing.current || leave.signal.aborted) return;
      timer = window.setTimeout(
        () => (document.hidden || link.peek().kind === 'lost' ? again() : void read()),
        everyMs,
      );
    };
    void read();
    return () => {
      leave.abort();
      clearTimeout(timer);
    };
  }, [path, unlocked, everyMs, withToken, optional, long, turn]);

  if (!unlocked) return { state: 'locked', reload };
  return loaded.path === path ? { ...loaded.value, reload } : { state: 'loading', reload };
}
