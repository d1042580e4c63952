import { type Static, type TObject, type TSchema, type TUnsafe, Type } from 'typebox';

/** A schema under a name of its own in the document; `ref` stands for it where it is used. */
export interface Entity<T> {
  readonly id: string;
  readonly schema: TSchema;
  readonly ref: TUnsafe<T>;
}

export function entity<S extends TSchema>(id: string, description: string, schema: S): Entity<Static<S>> {
  return {
    id,
    schema: { ...schema, $id: id, description },
    ref: Type.Unsafe<Static<S>>({ $ref: `${id}#` }),
  };
}

/**
 * What a request costs the node, and so which limit of its client it counts against. `bulk`: large immutable pieces
 * that caches may ask for in quick succession. `free`: answered from memory, or limited by its own rules.
 */
export type Cost = 'read' | 'write' | 'costly' | 'bulk' | 'free';

export type Tag =
  | 'state'
  | 'proofs and cuts'
  | 'node'
  | 'peers and sync'
  | 'operator'
  | 'streams'
  | 'sync protocol'
  | 'original'
  | 'about';

export interface Answer {
  readonly description: string;
  /** Absent: no body. */
  readonly schema?: TSchema;
  /** Default: application/json. */
  readonly type?: string;
  /** Other media types that the request may ask for. */
  readonly also?: Readonly<Record<string, TSchema>>;
  readonly headers?: Readonly<Record<string, TSchema>>;
}

export interface Example {
  readonly params?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string | number>>;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly body?: unknown;
}

/** One route as clients may rely on it: it validates requests, and the document is made from it. */
export interface RouteContract {
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE';
  /** As the router takes it: `/api/v1/state/:key`. */
  readonly path: string;
  /** Name of the operation, unique: what clients call it. */
  readonly id: string;
  readonly tag: Tag;
  readonly summary: string;
  readonly description?: string;
  /** Needs the API token. */
  readonly token?: true;
  readonly cost: Cost;
  readonly params?: TObject;
  readonly query?: TObject;
  readonly headers?: TObject;
  readonly body?: TSchema;
  /** Default: application/json. */
  readonly bodyType?: string;
  readonly answers: Readonly<Record<number, Answer>>;
  /** Statuses answered with a problem document (RFC 9457). */
  readonly errors?: readonly (keyof typeof ERRORS)[];
  /** A request that a node with an entry `greeting` answers with one of `answers`. */
  readonly example: Example;
}

/** What an error status of this API means, wherever it occurs. */
export const ERRORS = {
  400: 'The request is malformed; `errors` names the places where there are some.',
  401: 'The API token is missing or wrong, or this node has none.',
  403: 'The asker may not do this.',
  404: 'There is nothing under this name.',
  409: 'The node is in a state that does not allow this.',
  410: 'It was here, and is gone for good.',
  412: 'A precondition does not hold; nothing was written.',
  413: 'The body, or what it says, is too large.',
  415: 'The body is of another media type than this takes, or compressed.',
  416: 'None of the bytes asked for are there.',
  421: 'The node does not answer to this host name.',
  422: 'The idempotency key was used with another request.',
  426: 'This address speaks WebSocket.',
  429: 'Too many requests; `Retry-After` says when to go on.',
  500: 'The node failed; its log says why.',
  503: 'The node cannot do this now: it is read-only, starting or stopping. `reasons` says why.',
  504: 'The node did not finish within the time of a request.',
  507: 'The disk is nearly full.',
} as const;

export const json = (description: string, schema: TSchema, headers?: Answer['headers']): Answer => ({
  description,
  schema,
  ...(headers === undefined ? {} : { headers }),
});

/** A closed set of words. */
export function word<const W extends readonly string[]>(words: W, description = ''): TUnsafe<W[number]> {
  return Type.Unsafe<W[number]>({ type: 'string', enum: [...words], ...(description === '' ? {} : { description }) });
}

/** An object from names to values of one kind. */
export function mapOf<S extends TSchema>(value: S, description = ''): TUnsafe<Record<string, Static<S>>> {
  return Type.Unsafe<Record<string, Static<S>>>({
    type: 'object',
    additionalProperties: value,
    ...(description === '' ? {} : { description }),
  });
}
