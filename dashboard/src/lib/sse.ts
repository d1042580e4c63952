/** One event of an event stream (HTML standard, §9.2). */
export interface StreamEvent {
  readonly event: string;
  readonly id: string | undefined;
  readonly data: string;
}

/**
 * An event of one line of log or one change of state is far smaller; a stream that never ends an event is none of ours.
 */
const MAX_EVENT_CHARS = 1024 * 1024;

/** Events out of chunks of text that split anywhere. Throws a RangeError on an event without end. */
export function createStreamParser(emit: (event: StreamEvent) => void): (chunk: string) => void {
  let rest = '';
  return (chunk) => {
    const blocks = (rest + chunk).split(/\r?\n\r?\n/);
    rest = blocks.pop() ?? '';
    if (rest.length > MAX_EVENT_CHARS) throw new RangeError('an event of this stream has no end');
    for (const block of blocks) {
      let event = 'message';
      let id: string | undefined;
      const data: string[] = [];
      for (const line of block.split(/\r?\n/)) {
        const at = line.indexOf(':');
        if (at === 0) continue;
        const name = at < 0 ? line : line.slice(0, at);
        const value = at < 0 ? '' : line.slice(at + 1).replace(/^ /, '');
        if (name === 'event') event = value;
        else if (name === 'id') id = value;
        else if (name === 'data') data.push(value);
      }
      if (data.length > 0) emit({ event, id, data: data.join('\n') });
    }
  };
}
