import { useSignalEffect } from '@preact/signals';
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import type { CallOptions, LatticeError } from '../../../src/client/index.ts';
import { asProblem, isMissing } from './api.ts';
import { token } from './auth.ts';
import { comebacks, link } from './live.ts';

/**
 * What is known of something that is read from the node. `missing`: the node has no such route. `locked`: reading needs
 * the token. `ready` with a `failure`: the data was read earlier, and the last read failed.
 */
export type Loaded<T> =
  | { readonly state: 'loading' }
  | { readonly state: 'ready'; readonly data: T; readonly failure?: LatticeError }
  | { readonly state: 'failed'; readonly failure: LatticeError }
  | { readonly state: 'missing' }
  | { readonly state: 'locked' };

export type Resource<T> = Loaded<T> & { readonly reload: () => void };

export interface ResourceOptions {
  /** Period of reading, ms, while the tab is visible. Without it, the resource is not read by time. */
  readonly everyMs?: number;
  readonly withToken?: boolean;
  /** True when 404 means that the node has no such route, and not that the thing itself is absent. */
  readonly optional?: boolean;
}

/**
 * Reads something from the API by `read`, which `name` identifies. It is read again when the name changes, when the
 * node answers after it was lost, and every `everyMs`.
 */
export function useResource<T>(
  name: string,
  read: (call: CallOptions) => Promise<T>,
  options: ResourceOptions = {},
): Resource<T> {
  const { everyMs, withToken = false, optional = false } = options;
  const latest = useRef(read);
  latest.current = read;
  const [loaded, setLoaded] = useState<{ readonly name: string; readonly value: Loaded<T> }>({
    name,
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
    if (!unlocked) return undefined;
    const leave = new AbortController();
    let timer: number | undefined;
    missing.current = false;
    const look = async (): Promise<void> => {
      try {
        const data = await latest.current({ signal: leave.signal });
        if (leave.signal.aborted) return;
        setLoaded({ name, value: { state: 'ready', data } });
      } catch (error) {
        if (leave.signal.aborted) return;
        const failure = asProblem(error);
        missing.current = optional && isMissing(failure);
        setLoaded((old) => {
          if (missing.current) return { name, value: { state: 'missing' } };
          // Data that was read stays on screen, with the failure beside it.
          const kept = old.name === name && old.value.state === 'ready';
          return {
            name,
            value: kept ? { state: 'ready', data: old.value.data, failure } : { state: 'failed', failure },
          };
        });
      }
      again();
    };
    const again = (): void => {
      if (everyMs === undefined || missing.current || leave.signal.aborted) return;
      timer = window.setTimeout(
        () => (document.hidden || link.peek().kind === 'lost' ? again() : void look()),
        everyMs,
      );
    };
    void look();
    return () => {
      leave.abort();
      clearTimeout(timer);
    };
  }, [name, unlocked, everyMs, optional, turn]);

  if (!unlocked) return { state: 'locked', reload };
  return loaded.name === name ? { ...loaded.value, reload } : { state: 'loading', reload };
}
