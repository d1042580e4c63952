import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkProof, LatticeError, type StartedNode, startNode } from '../../../src/index.ts';

let directory: string;
let node: StartedNode;
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'lattice-arguments-'));
  node = await startNode({ dataDir: join(directory, 'a'), vault: {} });
  await node.lattice.write([{ op: 'put', key: 'a', value: 1 }]);
});
afterAll(async () => {
  await node.stop();
  rmSync(directory, { recursive: true, force: true });
});

const HASH = 'ab'.repeat(32);
async function* content(): AsyncGenerator<Uint8Array> {
  yield await Promise.resolve(new Uint8Array([1, 2, 3]));
}
const signal = new AbortController().signal;
const page = { limit: 5, cursor: 'x', signal };

/** Every call of the face with arguments in their places, of which each in turn is replaced by something else. */
const CALLS: Readonly<Record<string, readonly unknown[]>> = {
  status: [],
  peers: [],
  root: [],
  cuts: [],
  floor: [],
  certificate: [5, { from: HASH }],
  series: [5],
  setMode: ['auto', 'why'],
  evidence: [],
  verifyStore: [],
  get: ['a', { signal }],
  list: [{ prefix: 'a', ...page }],
  entries: [{ prefix: 'a', signal }],
  history: ['a', page],
  displaced: [page],
  conflicts: [page],
  writtenBy: [HASH, { since: 1, ...page }],
  clean: [HASH, { since: 1, ...page, keys: [{ key: 'a', value: 1, expires: 5 }], dryRun: true }],
  prove: ['a', { at: 'cut', from: HASH, signal }],
  verifyIntegrity: [{ signal }],
  write: [
    [{ op: 'put', key: 'b', value: 1 }],
    {
      idempotencyKey: 'k',
      receipt: { replicas: 1, certified: true, complete: true, timeoutMs: 5 },
      signal,
    },
  ],
  addPeer: [{ url: 'http://192.0.2.1' }, { signal }],
  removePeer: [{ multiaddr: '/ip4/192.0.2.1/tcp/1' }, { signal }],
  pingPeer: ['a', { signal }],
  differences: ['a', { limit: 5, signal }],
  syncNow: [{ signal }],
  wholeState: [{ signal }],
  subscribe: [() => false, { after: 'x', dropped: () => undefined, signal }],
  changes: [{ after: 'x', prefix: 'a', signal }],
  'audit.add': [[{ kind: 'execution', id: 'e', row: {} }], { signal }],
  'audit.list': [{ kind: 'execution', ...page }],
  'audit.stats': [{ signal }],
  'tokens.list': [],
  'tokens.create': [{ name: 'a', right: 'write', prefix: 'a/', ttlMs: 5_000 }, { signal }],
  'tokens.remove': ['ab', { signal }],
  'setAside.list': [page],
  'setAside.recover': [{ keys: ['a'], all: true, overwrite: true, cursor: 'x' }, { signal }],
  'setAside.forget': [{ keys: ['a'], all: true }, { signal }],
  'members.roster': [],
  'members.changes': [],
  'members.propose': [{ kind: 'add', author: HASH, name: 'b', role: 'mirror' }, { signal }],
  'members.approve': [HASH, { signal }],
  'members.withdraw': [HASH, { signal }],
  'members.settled': [HASH, { signal }],
  'members.chain': [0, 5],
  'members.founders': [],
  'invitations.list': [],
  'invitations.add': [{ secretHash: HASH, name: 'b', role: 'mirror', ttlMs: 5_000 }, { signal }],
  'invitations.remove': ['ab', { signal }],
  'invitations.join': [{ secret: HASH, author: HASH }, { signal }],
  'vault.put': [content(), { name: 'a', type: 'text/plain', pin: true, expect: HASH, signal }],
  'vault.open': [HASH, { range: { start: 0, end: 5 }, signal }],
  'vault.stat': [HASH, { signal }],
  'vault.list': [page],
  'vault.status': [],
  'vault.holders': [HASH, { signal }],
  'vault.leaves': [HASH, { signal }],
  'vault.pin': [HASH, true, { signal }],
  'vault.fetch': [HASH, { signal }],
  'vault.remove': [HASH, { signal }],
  'vault.verify': [{ hash: HASH, signal }],
  'vault.collect': [{ dryRun: true, signal }],
};

const OWN = new TypeError('of the program');
const trap = (): unknown =>
  new Proxy(
    {},
    {
      get: (_target, name) => {
        if (name === 'then') return undefined;
        throw new TypeError('a getter that throws');
      },
      ownKeys: () => {
        throw new TypeError('keys that throw');
      },
    },
  );
/** What a program in JavaScript can give. Each is made anew, because a call may hold on to it. */
const WRONG: Readonly<Record<string, () => unknown>> = {
  undefined: () => undefined,
  null: () => null,
  'a number': () => 5,
  'not a number': () => Number.NaN,
  'a number below zero': () => -1.5,
  'an endless number': () => Number.POSITIVE_INFINITY,
  'a bigint': () => 5n,
  true: () => true,
  'an empty text': () => '',
  'half a character': () => '\ud800',
  'a text of any kind': () => 'x',
  'an empty object': () => ({}),
  'an empty array': () => [],
  'an array with holes': () => Object.assign([], { length: 5 }),
  'an array of null': () => [null],
  'a symbol': () => Symbol('x'),
  'a function': () => () => {
    throw OWN;
  },
  'an object without a prototype': () => Object.create(null),
  'an object whose fields throw': trap,
  'a map': () => new Map(),
};

/** The arguments with one place replaced, or one field of an argument, at any depth. */
function* replaced(given: unknown, by: () => unknown, depth = 0): Generator {
  if (depth > 0) yield by();
  if (typeof given !== 'object' || given === null || given instanceof AbortSignal) return;
  if (Symbol.asyncIterator in given) return;
  for (const [name, field] of Object.entries(given))
    for (const other of replaced(field, by, depth + 1))
      yield Array.isArray(given)
        ? given.map((one: unknown, i) => (String(i) === name ? other : one))
        : { ...given, [name]: other };
}

/** Takes a call to its end, and a stream to its first item. */
async function finish(answer: unknown): Promise<void> {
  const given = await answer;
  if (typeof given !== 'object' || given === null) return;
  if ('close' in given && typeof given.close === 'function') (given.close as () => void)();
  if ('next' in given && typeof given.next === 'function' && 'return' in given) {
    const first = (given.next as () => Promise<unknown>)();
    const soon = new Promise((resolve) => setTimeout(resolve, 5));
    await Promise.race([first, soon]);
    await (given.return as () => Promise<unknown>)();
    await first;
  }
}

/** Calls with every wrong thing in every place, and tells what was answered by no LatticeError with a next step. */
async function faultsOf(call: (...given: unknown[]) => unknown, given: readonly unknown[]): Promise<readonly string[]> {
  const faults: string[] = [];
  for (const [name, by] of Object.entries(WRONG))
    for (const wrong of replaced(given, by)) {
      try {
        const late = new Promise((_resolve, reject) => setTimeout(() => reject(new Error('it hangs')), 5_000).unref());
        await Promise.race([(async () => await finish(call(...(wrong as unknown[]))))(), late]);
      } catch (error) {
        const isTold = error instanceof LatticeError && error.code !== 'internal' && error.next !== undefined;
        // What a function of the program throws is its own.
        if (!isTold && error !== OWN) faults.push(`${name}: ${String(error)}`);
      }
    }
  return [...new Set(faults)];
}

function callOf(path: string): (...given: readonly unknown[]) => unknown {
  return path
    .split('.')
    .reduce<unknown>((part, name) => (part as Readonly<Record<string, unknown>>)[name], node.lattice) as ReturnType<
    typeof callOf
  >;
}

function pathsOf(part: object, before = ''): string[] {
  return Object.entries(part).flatMap(([name, one]: [string, unknown]) =>
    typeof one === 'object' && one !== null ? pathsOf(one, `${before}${name}.`) : [`${before}${name}`],
  );
}

it('every call of the face is in the table', () => {
  expect(pathsOf(node.lattice).sort()).toEqual(Object.keys(CALLS).sort());
});

describe('whatever a program gives', () => {
  it.each(Object.entries(CALLS).filter(([, given]) => given.length > 0))(
    '%s works or says what is wrong, and the node goes on',
    async (path, given) => {
      expect(await faultsOf(callOf(path), given)).toEqual([]);
      expect(node.ended.aborted).toBe(false);
      await node.lattice.write([{ op: 'put', key: 'beside', value: path }]);
    },
    60_000,
  );

  it('a proof is checked, or it is said what is wrong', async () => {
    const document = await node.lattice.prove('a');
    const trusted = [document.head === undefined ? '' : ((await node.lattice.get('a'))?.author ?? '')];
    const options = { trusted, key: 'a', network: document.network, root: document.root, value: 1, noValue: false };
    const given = [JSON.parse(JSON.stringify(document)), { ...options, rosters: [] }];
    await (checkProof as (...all: unknown[]) => Promise<unknown>)(...given);
    expect(await faultsOf(checkProof as (...all: unknown[]) => unknown, given)).toEqual([]);
    expect(
      await faultsOf(checkProof as (...all: unknown[]) => unknown, [given[0], { trusted: { roster: HASH } }]),
    ).toEqual([]);
  });
});
