import type { Command, Option } from 'commander';
import type { Kind } from '../complete-values.ts';
import type { CliContext, GlobalOptions } from '../context.ts';
import { usageError } from '../context.ts';
import { defaultOf } from '../define.ts';
import { EXIT } from '../exit-codes.ts';

/** What can be typed at one place of the command line. */
interface Place {
  /** The commands typed so far, like `/state/get`. Empty at the start. */
  readonly at: string;
  readonly words: readonly { readonly word: string; readonly help: string; readonly takesValue: boolean }[];
  /** What its argument is, where that can be asked for. */
  readonly values: Kind | undefined;
}

/** An option of which the values are known, or can be asked for. */
interface Valued {
  readonly flags: readonly string[];
  readonly choices: readonly string[];
  readonly values: Kind | undefined;
}

interface Offered {
  readonly places: readonly Place[];
  readonly valued: readonly Valued[];
}

const SHELLS: Readonly<Record<string, { readonly script: (offered: Offered) => string; readonly hint: string }>> = {
  bash: { script: bashScript, hint: 'source <(lattice completion bash)' },
  zsh: { script: zshScript, hint: 'source <(lattice completion zsh)' },
  fish: { script: fishScript, hint: 'lattice completion fish | source' },
};

/** What the arguments of commands are, where a node or the file of contexts knows them. */
export const ARGUMENTS: Readonly<Record<string, Kind>> = {
  '/state/get': 'key',
  '/state/put': 'key',
  '/state/delete': 'key',
  '/state/ls': 'key',
  '/history': 'key',
  '/proof/get': 'key',
  '/conflicts/show': 'conflict',
  '/conflicts/resolve': 'conflict',
  '/peers/rm': 'peer',
  '/peers/ping': 'peer',
  '/peers/diff': 'peer',
  '/members/promote': 'member',
  '/members/retire': 'member',
  '/members/rotate': 'member',
  '/members/remove': 'member',
  '/members/drop': 'member',
  '/members/rename': 'member',
  '/members/approve': 'change',
  '/members/withdraw': 'change',
  '/members/wait': 'change',
  '/invite/rm': 'invitation',
  '/token/rm': 'token',
  '/evidence/export': 'evidence',
  '/vault/get': 'object',
  '/vault/stat': 'object',
  '/vault/pin': 'object',
  '/vault/unpin': 'object',
  '/vault/fetch': 'object',
  '/vault/rm': 'object',
  '/vault/verify': 'object',
  '/context/use': 'context',
  '/context/rm': 'context',
};

/** The words that an argument may be, where they are few. */
export const WORDS: Readonly<Record<string, readonly string[]>> = {
  '/completion': Object.keys(SHELLS),
  '/sync/mode': ['auto', 'http', 'p2p'],
  '/log/level': ['debug', 'info', 'warn', 'error'],
};

/** Prints a script that completes commands, options and values, made from the commands themselves. */
export async function completion(
  context: CliContext,
  program: Command,
  shell: string,
  options: GlobalOptions,
): Promise<number> {
  const known = SHELLS[shell];
  if (known === undefined)
    throw usageError(
      `there is no completion for ${JSON.stringify(shell)}`,
      `Shells: ${Object.keys(SHELLS).join(', ')}.`,
    );
  const script = known.script({ places: placesOf(program), valued: valuedIn(program) });
  if (options.json) context.output.data({ shell, script });
  else {
    context.output.write(script);
    if (context.output.interactive) context.output.remark(`Use it in this shell: ${known.hint}`);
  }
  return EXIT.ok;
}

function placesOf(program: Command): Place[] {
  const globals = program.options.map(wordOf);
  const visit = (command: Command, at: string): Place[] => {
    const commands = command.commands.map((c) => ({ word: c.name(), help: c.description(), takesValue: false }));
    const own = command === program ? [] : [...command.options, ...(defaultOf(command)?.options ?? [])].map(wordOf);
    const words = (WORDS[at] ?? []).map((word) => ({ word, help: '', takesValue: false }));
    return [
      { at, words: [...commands, ...words, ...own, ...globals], values: ARGUMENTS[at] },
      ...command.commands.flatMap((c) => [c.name(), ...c.aliases()].flatMap((name) => renamed(visit, c, at, name))),
    ];
  };
  return visit(program, '');
}

/** A command under one of its names. What stands in ARGUMENTS and WORDS is named by the first one. */
function renamed(visit: (c: Command, at: string) => Place[], command: Command, at: string, name: string): Place[] {
  const own = `${at}/${command.name()}`;
  return visit(command, own).map((place) => ({ ...place, at: place.at.replace(own, `${at}/${name}`) }));
}

/** The options whose values are completed, of all commands. An option means the same wherever it is. */
function valuedIn(program: Command): Valued[] {
  const every = (command: Command): Option[] => [...command.options, ...command.commands.flatMap(every)];
  const found = new Map<string, Valued>();
  for (const option of every(program)) {
    const { long, short, argChoices } = option;
    const values: Kind | undefined = long === '--context' ? 'context' : undefined;
    if (long == null || (argChoices === undefined && values === undefined)) continue;
    found.set(long, { flags: short == null ? [long] : [short, long], choices: argChoices ?? [], values });
  }
  return [...found.values()];
}

const wordOf = (option: Option) => ({
  word: option.long ?? option.flags,
  help: option.description,
  takesValue: option.required,
});

/** Quotes `text` as one word of a POSIX shell or of fish. */
const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
const pattern = (places: readonly Place[]): string => places.flatMap(({ at }) => (at === '' ? [] : [at])).join('|');
/** Cases of bash and zsh that name what to ask for, by the option before the word, else by the command. */
const valueCases = ({ valued }: Offered): string[] =>
  valued.map(({ flags, choices, values }) =>
    values === undefined
      ? `    ${flags.join('|')}) choices=${quoted(choices.join(' '))} ;;`
      : `    ${flags.join('|')}) kind=${values} ;;`,
  );
const kindCases = ({ places }: Offered): string[] =>
  places.flatMap(({ at, values }) => (values === undefined ? [] : [`      ${quoted(at)}) kind=${values} ;;`]));

function bashScript(offered: Offered): string {
  const cases = offered.places.map(
    ({ at, words }) => `      ${quoted(at)}) words=${quoted(words.map(({ word }) => word).join(' '))} ;;`,
  );
  return `_lattice() {
  local at="" word words="" kind="" choices="" i=$COMP_CWORD cur="\${COMP_WORDS[COMP_CWORD]}" value
  # bash splits words at colons, which keys and URLs have: the pieces of the last word are put together again.
  while [ "$i" -gt 1 ] && { [ "\${COMP_WORDS[i]}" = : ] || [ "\${COMP_WORDS[i-1]}" = : ]; }; do
    i=$((i - 1))
    cur="\${COMP_WORDS[i]}$cur"
  done
  for word in "\${COMP_WORDS[@]:1:i-1}"; do
    case "$at/$word" in
      ${pattern(offered.places)}) at="$at/$word" ;;
    esac
  done
  COMPREPLY=()
  case "\${COMP_WORDS[i-1]}" in
${valueCases(offered).join('\n')}
  esac
  if [ -n "$choices" ]; then
    COMPREPLY=($(compgen -W "$choices" -- "$cur"))
    return
  fi
  if [ -z "$kind" ]; then
    case "$at" in
${cases.join('\n')}
    esac
    COMPREPLY=($(compgen -W "$words" -- "$cur"))
    case "$cur" in -*) return ;; esac
    case "$at" in
${kindCases(offered).join('\n')}
    esac
  fi
  [ -z "$kind" ] && return
  # Options would only be in the way of the values.
  COMPREPLY=()
  local open="" before=""
  case "$cur" in [\\'\\"]*) open="\${cur:0:1}"; cur="\${cur:1}" ;; esac
  # bash replaces only what is behind the last colon.
  case "$cur" in *:*) before="\${cur%"\${cur##*:}"}" ;; esac
  while IFS= read -r value; do
    value="\${value#"$before"}"
    [ -z "$open" ] && value="$(printf %q "$value")"
    COMPREPLY+=("$value")
  done < <("\${COMP_WORDS[0]}" __complete "$kind" "$cur" "\${COMP_WORDS[@]:1:i-1}" 2>/dev/null)
}
complete -o default -F _lattice lattice
`;
}

function zshScript(offered: Offered): string {
  const item = ({ word, help }: Place['words'][number]): string => quoted(`${word}:${help}`);
  const cases = offered.places.map(({ at, words }) => `      ${quoted(at)}) items=(${words.map(item).join(' ')}) ;;`);
  return `#compdef lattice
_lattice() {
  local at="" word kind="" choices=""
  local -a items found
  for word in "\${(@)words[2,CURRENT-1]}"; do
    case "$at/$word" in
      ${pattern(offered.places)}) at="$at/$word" ;;
    esac
  done
  case "\${words[CURRENT-1]}" in
${valueCases(offered).join('\n')}
  esac
  if [ -n "$choices" ]; then
    compadd -- \${=choices}
    return
  fi
  if [ -z "$kind" ] && [[ "\${words[CURRENT]}" != -* ]]; then
    case "$at" in
${kindCases(offered).join('\n')}
    esac
  fi
  if [ -n "$kind" ]; then
    found=("\${(@f)$("\${words[1]}" __complete "$kind" "\${(Q)words[CURRENT]}" "\${(@Q)words[2,CURRENT-1]}" 2>/dev/null)}")
    [ -n "$found" ] && compadd -- "\${(@)found}"
    return
  fi
  case "$at" in
${cases.join('\n')}
  esac
  _describe lattice items || _files
}
# Loaded by name it completes at once; sourced it registers itself.
if [ "$funcstack[1]" = "_lattice" ]; then _lattice "$@"; else compdef _lattice lattice; fi
`;
}

function fishScript({ places, valued }: Offered): string {
  const valuesOf = new Map(valued.map((option) => [option.flags.at(-1), option]));
  const lines = places.flatMap(({ at, words, values }) => {
    const here = `complete -c lattice -n ${quoted(`__lattice_at "${at}"`)}`;
    return [
      ...words.map(({ word, help, takesValue }) => {
        if (!word.startsWith('--')) return `${here} -f -a ${word} -d ${quoted(help)}`;
        const option = valuesOf.get(word);
        const short = option?.flags.length === 2 ? ` -s ${(option.flags[0] ?? '').slice(1)}` : '';
        const offers =
          option === undefined
            ? ''
            : ` -f -a ${quoted(option.values === undefined ? option.choices.join(' ') : `(__lattice_values ${option.values})`)}`;
        return `${here}${short} -l ${word.slice(2)}${takesValue ? ' -r' : ''}${offers} -d ${quoted(help)}`;
      }),
      ...(values === undefined ? [] : [`${here} -f -a ${quoted(`(__lattice_values ${values})`)}`]),
    ];
  });
  return `function __lattice_at
  set -l at ""
  for word in (commandline -opc)[2..-1]
    switch "$at/$word"
      case ${pattern(places).replaceAll('|', ' ')}
        set at "$at/$word"
    end
  end
  test "$at" = "$argv[1]"
end
function __lattice_values
  set -l typed (commandline -opc)
  $typed[1] __complete $argv[1] (commandline -ct | string unescape) $typed[2..-1] 2>/dev/null
end
${lines.join('\n')}
`;
}
