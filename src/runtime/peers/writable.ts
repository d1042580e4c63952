/**
 * A record as the one module that writes it sees it. Everybody else has it with fields that cannot be assigned: a record
 * of a peer has one writer.
 */
export type Writable<T> = { -readonly [K in keyof T]: T[K] };
