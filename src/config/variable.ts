/**
 * What the text of a variable may be, which decides how values.ts parses it. Items of lists are separated by commas,
 * and blanks around them are dropped.
 */
export type Kind =
  | 'boolean'
  | 'choice'
  | 'seconds'
  | 'port'
  | 'host'
  | 'text'
  | 'path'
  | 'audit-path'
  | 'token'
  | 'seed'
  | 'url'
  | 'urls'
  | 'origins'
  | 'hosts'
  | 'proxies'
  | 'public-key'
  | 'public-keys'
  | 'node-names'
  | 'listen-addresses'
  | 'peer-addresses'
  | 'own-addresses'
  | 'bytes'
  | 'vault-store'
  | 'credential';

/**
 * One variable. It is read as DIOTEC360_<name>, else as AETHEL_<name>, else it has its default. An empty text counts as
 * unset.
 */
export interface Variable {
  readonly name: string;
  readonly kind: Kind;
  /** The unit or the form of the text, for people. */
  readonly unit: string;
  /** The default as an env file would have it; '' when there is none. */
  readonly default: string;
  readonly description: string;
  /** Other names, which are read after `name` with each prefix. */
  readonly also?: readonly string[];
  /** Names without a prefix, which are read last. */
  readonly plain?: readonly string[];
  /** Present when errors and logs must not show the text. */
  readonly secret?: true;
  /** For the kind `choice`: what each text means. Texts are compared without regard to case. */
  readonly choices?: Readonly<Record<string, string>>;
  /** For the kinds `seconds` and `bytes`: the least and the greatest value. */
  readonly range?: readonly [least: number, greatest: number];
}

/** What the names of variables begin with. */
export const PREFIX = 'DIOTEC360_';
/** What the names of the original's variables begin with. */
const LEGACY_PREFIX = 'AETHEL_';

/** The names that a variable is read by. The first one whose text is not empty wins. */
export function namesOf(variable: Variable): readonly string[] {
  const names = [variable.name, ...(variable.also ?? [])];
  return [
    ...names.map((name) => PREFIX + name),
    ...names.map((name) => LEGACY_PREFIX + name),
    ...(variable.plain ?? []),
  ];
}
