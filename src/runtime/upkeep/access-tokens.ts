import { utf8Length } from '../../core/cbor/text.ts';
import {
  ACCESS_TOKENS,
  decodeAccessTokens,
  encodeAccessTokens,
  MAX_ACCESS_TOKENS,
  MAX_TOKEN_NAME_BYTES,
  MAX_TOKEN_PREFIX_BYTES,
  RIGHTS,
  type StoredToken,
} from '../../core/rows/index.ts';
import { bytesToHex, equalBytes, type Hasher, LatticeError } from '../../core/types/index.ts';
import type { Clock, Log, Random, Store } from '../../ports/index.ts';
import type { Writer } from '../commit/writer.ts';
import type { AccessTokens, TokenView, TokenWish } from '../facade/index.ts';
import { twoReads } from '../storage/two-reads.ts';

/** The beginning of every token, by which scanners for leaked secrets find one in a text. */
const MARK = 'lattice_';
const FORM = /^lattice_([0-9a-f]{16})_[0-9a-f]{64}$/;
/** Ten years. Whoever wants more wants no end. */
const MAX_TTL_MS = 10 * 366 * 24 * 3_600_000;
/** A token that ends within a second could not be used. */
const MIN_TTL_MS = 1000;

export interface AccessTokensDeps {
  readonly writer: Pick<Writer, 'keep'>;
  readonly saved: readonly StoredToken[];
  readonly hasher: Hasher;
  readonly random: Random;
  readonly clock: Pick<Clock, 'now'>;
  readonly log: Log;
}

/** The tokens of an earlier run. Rejects with LatticeError `damaged-row`. */
export async function loadAccessTokens(store: Store): Promise<readonly StoredToken[]> {
  const [row] = await twoReads(store, ACCESS_TOKENS);
  return row === undefined ? [] : decodeAccessTokens(row);
}

const refuse = (message: string, next: string): LatticeError => new LatticeError('invalid-token', message, { next });

/** Throws LatticeError `invalid-token`. */
function checkWish({ name, right, prefix = '', ttlMs }: TokenWish): void {
  if (typeof name !== 'string' || typeof prefix !== 'string')
    throw refuse('the name and the prefix of a token are texts', 'give texts');
  const bytes = utf8Length(name);
  if (bytes < 1 || bytes > MAX_TOKEN_NAME_BYTES)
    throw refuse(`the name of a token has 1 to ${MAX_TOKEN_NAME_BYTES} bytes`, 'name it after who uses it');
  if (!RIGHTS.includes(right)) throw refuse(`a right is one of ${RIGHTS.join(', ')}`, 'choose one of them');
  if (prefix !== '' && right !== 'write')
    throw refuse('only a token for writing has a prefix', 'leave the prefix out, or choose the right `write`');
  const length = utf8Length(prefix);
  if (length < 0 || length > MAX_TOKEN_PREFIX_BYTES)
    throw refuse(`a prefix has at most ${MAX_TOKEN_PREFIX_BYTES} bytes`, 'give the beginning of the keys');
  if (ttlMs !== undefined && !(Number.isSafeInteger(ttlMs) && ttlMs >= MIN_TTL_MS && ttlMs <= MAX_TTL_MS))
    throw refuse('a token is valid for 1 second to 10 years', 'choose such a time, or none');
}

/**
 * The tokens that an operator makes beside the configured one. The store keeps their hashes, so that whoever reads the
 * disk has no token.
 */
export function createAccessTokens(deps: AccessTokensDeps): AccessTokens {
  const { writer, hasher, random, clock, log } = deps;
  const textHash = (text: string): Uint8Array => hasher.hash(new TextEncoder().encode(text));
  let tokens = new Map(deps.saved.map((token) => [bytesToHex(token.id), token]));
  const lastUsed = new Map<string, number>();
  /** Changes run one at a time, because each builds on the one before. */
  let turn: Promise<unknown> = Promise.resolve();

  const isValid = ({ expires }: StoredToken): boolean => expires === 0 || expires > clock.now();

  function viewOf({ id, name, right, prefix, created, expires }: StoredToken): TokenView {
    const hex = bytesToHex(id);
    const used = lastUsed.get(hex);
    return {
      id: hex,
      name,
      right,
      ...(right === 'write' ? { prefix } : {}),
      created,
      ...(expires === 0 ? {} : { expires }),
      ...(used === undefined ? {} : { lastUsed: used }),
    };
  }

  /** Makes the next tokens durable and then takes them. Those whose time is over leave with any change. */
  async function keep(next: readonly StoredToken[]): Promise<void> {
    await writer.keep(() => [{ type: 'put', key: ACCESS_TOKENS, value: encodeAccessTokens(next) }]);
    tokens = new Map(next.map((token) => [bytesToHex(token.id), token]));
    for (const id of lastUsed.keys()) if (!tokens.has(id)) lastUsed.delete(id);
  }

  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = turn.then(work);
    turn = result.catch(() => undefined);
    return result;
  }

  const valid = (): StoredToken[] => [...tokens.values()].filter(isValid);

  return {
    list: () => valid().map(viewOf),
    async create(wish) {
      checkWish(wish);
      return inTurn(async () => {
        const others = valid();
        if (others.length >= MAX_ACCESS_TOKENS)
          throw new LatticeError('too-many-tokens', `this node has ${MAX_ACCESS_TOKENS} tokens`, {
            next: 'withdraw those that nobody uses: lattice token ls, lattice token rm ID',
          });
        const id = random.bytes(8);
        const text = `${MARK}${bytesToHex(id)}_${bytesToHex(random.bytes(32))}`;
        const created = clock.now();
        const token: StoredToken = {
          id,
          name: wish.name,
          right: wish.right,
          prefix: wish.prefix ?? '',
          hash: textHash(text),
          created,
          expires: wish.ttlMs === undefined ? 0 : created + wish.ttlMs,
        };
        await keep([...others, token]);
        log.info({ id: bytesToHex(id), token: token.name, right: token.right, prefix: token.prefix }, 'token made');
        return { ...viewOf(token), token: text };
      });
    },
    remove: (id) =>
      inTurn(async () => {
        const token = tokens.get(id);
        if (token === undefined || !isValid(token))
          throw new LatticeError('not-found', 'this node has no token with that id', {
            next: 'list them with lattice token ls',
          });
        await keep(valid().filter((other) => other !== token));
        log.info({ id, token: token.name }, 'token withdrawn');
      }),
    isValid(id) {
      const token = tokens.get(id);
      return token !== undefined && isValid(token);
    },
    any: () => valid().length > 0,
    find(text) {
      const id = FORM.exec(text)?.[1];
      const token = id === undefined ? undefined : tokens.get(id);
      if (id === undefined || token === undefined || !isValid(token)) return undefined;
      // Hashes of a secret tell nothing about it, however the comparison's time depends on them.
      if (!equalBytes(textHash(text), token.hash)) return undefined;
      lastUsed.set(id, clock.now());
      return viewOf(token);
    },
  };
}
