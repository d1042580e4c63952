import { type Static, type TObject, type TSchema, type TUnsafe, Type } from 'typebox';

/** A schema that has a name of its own in the OpenAPI document. Other schemas use `ref` in its place. */
export interface Entity<T> {
  readonly id: string;
  readonly schema: TSchema;
  readonly ref: TUnsafe<T>;
}

/** Gives a schema the name `id`, under which the OpenAPI document has it, and a description for readers. */
export function entity<S extends TSchema>(id: string, description: string, schema: S): Entity<Static<S>> {
  return {
    id,
    schema: { ...schema, $id: id, description },
    ref: Type.Unsafe<Static<S>>({ $ref: `${id}#` }),
  };
}

/**
 * What a request costs the node, which decides what its client is charged for it (SPEC A18). A `costly` request reads
 * much of the store or asks other nodes. A `bulk` request fetches one of many large, immutable pieces, which caches may
 * ask for in quick succession, and a `file` is in memory as it is sent. `content` goes by in pieces that are hashed, in
 * either direction. A `stream` stays open. A `free` request is one that nobody may be kept from, such as a probe, or
 * whose route has limits of its own.
 */
export type Cost = 'read' | 'write' | 'costly' | 'bulk' | 'content' | 'file' | 'stream' | 'free';

/** The group under which the OpenAPI document lists a route. */
export type Tag =
  | 'state'
  | 'proofs and cuts'
  | 'vault'
  | 'node'
  | 'members'
  | 'peers and sync'
  | 'operator'
  | 'streams'
  | 'sync protocol'
  | 'original'
  | 'about';

/** What a route answers with one status. */
export interface Answer {
  readonly description: string;
  /** Absent when the answer has no body. */
  readonly schema?: TSchema;
  /** The media type of the body. Default: application/json. */
  readonly type?: string;
  /** Other media types that a request may ask for, each with the schema of its body. */
  readonly also?: Readonly<Record<string, TSchema>>;
  readonly headers?: Readonly<Record<string, TSchema>>;
}

/** The parts of an example request. */
export interface Example {
  readonly params?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string | number>>;
  readonly headers?: Readonly<Record<string, string>>;
  /** A value that is sent as JSON. */
  readonly body?: unknown;
}

/** What clients may rely on of one route. It validates requests, and the OpenAPI document is made from it. */
export interface RouteContract {
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE';
  /** In the notation of the router, for example `/api/v1/state/:key`. */
  readonly path: string;
  /** The unique name of the operation, which is also the name of the client's method. */
  readonly id: string;
  readonly tag: Tag;
  readonly summary: string;
  readonly description?: string;
  /** Present when the route needs a token, whatever the configuration says. */
  readonly token?: true;
  /**
   * Which right a request needs (SPEC TK1). `open`: none, even where reads need a token. `write`: a token for writing.
   * Default: `operate` where the route needs a token, and elsewhere `read`.
   */
  readonly access?: 'open' | 'write';
  readonly cost: Cost;
  /** What a request costs beyond its class, in ms of the event loop. */
  readonly extraMs?: number;
  readonly params?: TObject;
  readonly query?: TObject;
  readonly headers?: TObject;
  readonly body?: TSchema;
  /** The media type of the request's body. Default: application/json. */
  readonly bodyType?: string;
  readonly answers: Readonly<Record<number, Answer>>;
  /** The statuses that are answered with a problem document (RFC 9457). */
  readonly errors?: readonly (keyof typeof ERRORS)[];
  /** A request that a node with an entry `greeting` answers with a status of `answers` or `errors`. */
  readonly example: Example;
}

/** What each error status means. It means the same on every route. */
export const ERRORS = {
  400: 'The request is malformed; `errors` names the places where there are some.',
  401: 'A token is missing or wrong, or this node has none.',
  403: 'The asker may not do this.',
  404: 'There is nothing under this name.',
  408: 'The body came too slowly.',
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

/** An answer whose body is JSON. */
export const json = (description: string, schema: TSchema, headers?: Answer['headers']): Answer => ({
  description,
  schema,
  ...(headers === undefined ? {} : { headers }),
});

/** The schema of a text that is one of `words`. */
export function word<const W extends readonly string[]>(words: W, description = ''): TUnsafe<W[number]> {
  return Type.Unsafe<W[number]>({ type: 'string', enum: [...words], ...(description === '' ? {} : { description }) });
}

/**
 * The schema of an error code. It is plain text, because the registry of codes is long and a node of a later version
 * has more of them.
 */
export const errorCode = Type.String({
  description: 'For programs: the code that the other node answered with, or why it did not answer.',
});

/** The schema of a sentence for people with its code for programs. */
export function coded<const W extends readonly string[]>(codes: W) {
  return Type.Object({ code: word(codes, 'For programs.'), text: Type.String({ description: 'For people.' }) });
}

/** The schema of an object that maps names to values of one kind. */
export function mapOf<S extends TSchema>(value: S, description = ''): TUnsafe<Record<string, Static<S>>> {
  return Type.Unsafe<Record<string, Static<S>>>({
    type: 'object',
    additionalProperties: value,
    ...(description === '' ? {} : { description }),
  });
}
