import type { Bytes } from '../../core/types/index.ts';

/** How many bytes of live commits may wait for one peer. Beyond it commits are not queued, and a repair finds them. */
const MAX_OUTBOX_BYTES = 4 * 1024 * 1024;

/** Live commits on their way to one URL, in order and bounded in bytes. */
export interface PushOutbox {
  readonly bytes: number;
  /** Adds messages until one does not fit; that one and those after it are left to repair. */
  add(messages: Iterable<Bytes>): void;
  /** Takes the next message; undefined when none is left. */
  next(): Bytes | undefined;
  clear(): void;
}

export function createPushOutbox(): PushOutbox {
  let waiting: Bytes[] = [];
  let bytes = 0;
  return {
    get bytes() {
      return bytes;
    },
    add(messages) {
      for (const message of messages) {
        if (bytes + message.length > MAX_OUTBOX_BYTES) break;
        waiting.push(message);
        bytes += message.length;
      }
    },
    next() {
      const message = waiting.shift();
      bytes -= message?.length ?? 0;
      return message;
    },
    clear() {
      waiting = [];
      bytes = 0;
    },
  };
}
