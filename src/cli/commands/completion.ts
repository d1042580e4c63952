import type { Command, Option } from 'commander';
import type { CliContext, GlobalOptions } from '../context.ts';
import { usageError } from '../context.ts';
import { EXIT } from '../exit-codes.ts';

/** What can be typed at one place of the command line. */
interface Place {
  /** The commands typed so far, like `/state/get`. Empty at the start. */
  readonly at: string;
  readonly words: readonly { readonly word: string; readonly help: string; readonly takesValue: boolean }[];
}

const SHELLS: Readonly<
  Record<string, { readonly script: (places: readonly Place[]) => string; readonly hint: string }>
> = {
  bash: { script: bashScript, hint: 'source <(lattice completion bash)' },
  zsh: { script: zshScript, hint: 'source <(lattice completion zsh)' },
  fish: { script: fishScript, hint: 'lattice completion fish | source' },
};

/** Prints a script that completes commands and options, made from the commands themselves. */
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
  const script = known.script(placesOf(program));
  if (options.json) context.output.data({ shell, script });
  else {
    context.output.write(script);
    if (context.output.interactive) context.output.remark(`use it: ${known.hint}`);
  }
  return EXIT.ok;
}

function placesOf(program: Command): Place[] {
  const globals = program.options.map(wordOf);
  const visit = (command: Command, at: string): Place[] => {
    const commands = command.commands.map((c) => ({ word: c.name(), help: c.description(), takesValue: false }));
    const own = command === program ? [] : command.options.map(wordOf);
    return [
      { at, words: [...commands, ...own, ...globals] },
      ...command.commands.flatMap((c) => visit(c, `${at}/${c.name()}`)),
    ];
  };
  return visit(program, '');
}

const wordOf = (option: Option) => ({
  word: option.long ?? option.flags,
  help: option.description,
  takesValue: option.required,
});

/** Quotes `text` as one word of a POSIX shell or of fish. */
const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
const pattern = (places: readonly Place[]): string => places.flatMap(({ at }) => (at === '' ? [] : [at])).join('|');

function bashScript(places: readonly Place[]): string {
  const cases = places.map(
    ({ at, words }) => `    ${quoted(at)}) words=${quoted(words.map(({ word }) => word).join(' '))} ;;`,
  );
  return `_lattice() {
  local at="" word words=""
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$at/$word" in
      ${pattern(places)}) at="$at/$word" ;;
    esac
  done
  case "$at" in
${cases.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _lattice lattice
`;
}

function zshScript(places: readonly Place[]): string {
  const item = ({ word, help }: Place['words'][number]): string => quoted(`${word}:${help}`);
  const cases = places.map(({ at, words }) => `    ${quoted(at)}) items=(${words.map(item).join(' ')}) ;;`);
  return `#compdef lattice
_lattice() {
  local at="" word
  local -a items
  for word in "\${(@)words[2,CURRENT-1]}"; do
    case "$at/$word" in
      ${pattern(places)}) at="$at/$word" ;;
    esac
  done
  case "$at" in
${cases.join('\n')}
  esac
  _describe lattice items || _files
}
# Loaded by name it completes at once; sourced it registers itself.
if [ "$funcstack[1]" = "_lattice" ]; then _lattice "$@"; else compdef _lattice lattice; fi
`;
}

function fishScript(places: readonly Place[]): string {
  const lines = places.flatMap(({ at, words }) =>
    words.map(({ word, help, takesValue }) => {
      const what = word.startsWith('--') ? `-l ${word.slice(2)}${takesValue ? ' -r' : ''}` : `-f -a ${word}`;
      return `complete -c lattice -n ${quoted(`__lattice_at "${at}"`)} ${what} -d ${quoted(help)}`;
    }),
  );
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
${lines.join('\n')}
`;
}
