import type { Command } from 'commander';
import { OFFLINE } from '../../../src/cli/hints.ts';
import { createOutput } from '../../../src/cli/output.ts';
import { createProgram } from '../../../src/cli/program.ts';

const HASH = 'ab'.repeat(32);
/** The base point of Ed25519, which is a public key. */
const KEY = `58${'66'.repeat(31)}`;
const CHANGE = '12ab34cd';
const path = (file: string): string => new URL(`../../${file}`, import.meta.url).pathname;

/** What each command is given, where it takes or needs anything. */
const GIVEN: Readonly<Record<string, readonly string[]>> = {
  'conflicts resolve': ['k', '--take', '1'],
  'conflicts show': ['k'],
  'evidence export': ['k'],
  history: ['k'],
  import: [path('fixtures/original/snapshot.json')],
  'invite new': ['--name', 'rome'],
  'invite rm': [HASH.slice(0, 16)],
  'log level': ['info'],
  'members add': [KEY],
  'members approve': [CHANGE],
  'members clean': ['--author', KEY, '--since', '0'],
  'members drop': [KEY],
  'members promote': [KEY],
  'members remove': [KEY],
  'members rename': [KEY, 'rome'],
  'members retire': [KEY],
  'members rotate': [KEY, '--key', KEY],
  'members settings': ['--retention', '2d'],
  'members wait': [CHANGE],
  'members withdraw': [CHANGE],
  'peers add': ['http://127.0.0.1:2'],
  'peers diff': ['12D3KooWPeer'],
  'peers ping': ['12D3KooWPeer'],
  'peers rm': ['http://127.0.0.1:2'],
  'proof get': ['k'],
  'state delete': ['k'],
  'state get': ['k'],
  'state put': ['k', '1'],
  'sync mode': ['auto'],
  'token new': ['grafana', '--read'],
  'token rm': [HASH.slice(0, 16)],
  'vault bundle': ['--function', HASH],
  'vault fetch': [HASH],
  'vault get': [HASH],
  'vault pin': [HASH],
  'vault put': ['-'],
  'vault rm': [HASH],
  'vault stat': [HASH],
  'vault unpin': [HASH],
};

/** Commands that ask a node and say in their own way what comes of it, or do something else first. */
const IN_THEIR_OWN_WAY: ReadonlySet<string> = new Set([
  'doctor', // every answer is a finding (doctor.test.ts)
  'members force', // works on the store of a node that is stopped
  'members tidy', // asks the nodes of a fleet.json (interrupted-changes.test.ts)
  'vault export', // makes its directory first
  'version', // tells its own first
]);

const program = createProgram(
  { output: createOutput({ write: () => true }, { write: () => true }, {}) } as never,
  '0',
  () => undefined,
);

const leaves = (command: Command, words: readonly string[]): string[] =>
  command.commands.length === 0
    ? [words.join(' ')]
    : command.commands.flatMap((child) => leaves(child, [...words, child.name()]));

const isOffline = (name: string): boolean => [...OFFLINE].some((one) => `${name} `.startsWith(`${one} `));

/** Every command, each as the words that name it. */
export const COMMANDS: readonly string[] = leaves(program, []);

/** A line of every command that asks the node that is named to it, before it does anything else. */
export const ASKING: readonly (readonly string[])[] = [
  ...COMMANDS.filter((name) => !isOffline(name) && !IN_THEIR_OWN_WAY.has(name)).map((name) => [
    ...name.split(' '),
    ...(GIVEN[name] ?? []),
  ]),
  ['log', 'show', '--follow'],
];
