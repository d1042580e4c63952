/**
 * A record with fields that can be assigned, for the one module that writes it. Everybody else sees the record with
 * readonly fields, so each record of a peer has one writer.
 */
export type Writable<T> = { -readonly [K in keyof T]: T[K] };
