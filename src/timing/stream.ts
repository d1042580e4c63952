/// <reference lib="esnext.disposable" preserve="true" />

/**
 * What comes one item after another, for `for await`. Whoever stops reading calls `return`, which `break` does too, or
 * binds the stream with `await using`. Either ends at once what the stream holds, also while a `next` waits.
 */
export interface Stream<T> extends AsyncDisposable {
  /**
   * Gives the next item, or the end. Calls are answered in their order.
   *
   * @throws what the method that made the stream names
   * @example
   * const { done, value } = await stream.next();
   * console.log(done === true ? 'it has ended' : value);
   */
  next(): Promise<IteratorResult<T, undefined>>;
  /**
   * Ends the stream. A `next` that waits gets the end.
   *
   * @throws nothing
   * @example
   * const waiting = stream.next();
   * await stream.return();
   * console.log((await waiting).done);
   */
  return(): Promise<IteratorResult<T, undefined>>;
  [Symbol.asyncIterator](): Stream<T>;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * The stream of what a generator yields. `make` is called at once, and the generator begins with the first `next`. Its
 * signal is aborted with the reason of `outer`, or when the stream is ended, and the generator then returns. Without
 * that signal a generator that waits would be ended only by its next item.
 */
export function streamOf<T>(
  make: (signal: AbortSignal) => AsyncGenerator<T, void>,
  outer: AbortSignal | undefined,
): Stream<T> {
  const ending = new AbortController();
  const forward = (): void => ending.abort(outer?.reason);
  if (outer?.aborted === true) forward();
  outer?.addEventListener('abort', forward, { once: true });
  const generator = make(ending.signal);
  let ended = false;
  const done = (): IteratorResult<T, undefined> => {
    outer?.removeEventListener('abort', forward);
    return { done: true, value: undefined };
  };

  const stream: Stream<T> = {
    async next() {
      try {
        const result = await generator.next();
        return result.done === true || ended ? done() : result;
      } catch (error) {
        const end = done();
        if (ended) return end;
        throw error;
      }
    },
    async return() {
      ended = true;
      ending.abort(new Error('the stream is no longer read'));
      await generator.return().catch(() => undefined);
      return done();
    },
    [Symbol.asyncIterator]: () => stream,
    async [Symbol.asyncDispose]() {
      await stream.return();
    },
  };
  return stream;
}
