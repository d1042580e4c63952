/** Makes an Error of whatever was thrown. */
export function toError(cause: unknown): Error {
  return cause instanceof Error ? cause : new Error(String(cause));
}

/** Makes one line for logs of an error, because libp2p puts whole stacks into messages. */
export function toReason(cause: unknown): string {
  if (cause instanceof AggregateError && cause.errors.length > 0)
    return [...new Set(cause.errors.map(toReason))].join('; ').slice(0, 400);
  const text = toError(cause).message || toError(cause).name;
  return (text.split('\n')[0] ?? text).slice(0, 200);
}
