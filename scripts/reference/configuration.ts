import { namesOf, PREFIX, type Variable } from '../../src/config/variable.ts';
import { VARIABLES } from '../../src/config/variables.ts';
import { PRODUCTION_RULES } from '../../src/config/violations.ts';
import { code, page, table } from './markdown.ts';

/** Makes docs/reference/configuration.md, with every variable of a node. */
export function configurationPage(): string {
  return page('Configuration', [
    `A variable is read as \`${PREFIX}<name>\`, else \`AETHEL_<name>\`, else the default; empty counts as unset. The env file is \`--env-file\`, else \`.env\` in the working
directory, and never overrides the environment of the process. Relative paths in the file are relative to it. Lists are separated by commas. Booleans are 1, true, yes, on or
their opposites. An unknown \`${PREFIX}\` name is warned of; a bad value stops the start (exit code 2) and names the rule and the fix. \`lattice config check\` checks without starting,
\`lattice config show\` tells what a running node uses, and from where.`,
    table(
      [`${PREFIX}…`, 'Form', 'Default', 'Meaning'],
      VARIABLES.map((variable: Variable) => [
        namesIn(variable),
        formOf(variable),
        variable.default === '' ? '' : code(variable.default),
        meaningOf(variable),
      ]),
    ),
    'With `ENVIRONMENT=production` each of these makes a node read-only, and its status says so:',
    PRODUCTION_RULES.map(({ text, fix }) => `- ${text}: ${fix}.`).join('\n'),
  ]);
}

function namesIn(variable: Variable): string {
  const prefixed = namesOf(variable)
    .filter((name) => name.startsWith(PREFIX))
    .map((name) => code(name.slice(PREFIX.length)));
  const plain = (variable.plain ?? []).map((name) => `${code(name)} without a prefix`);
  return [...prefixed, ...plain].join(', ');
}

function formOf({ unit, range }: Variable): string {
  return range === undefined ? unit : `${unit}, ${range[0]} to ${range[1]}`;
}

function meaningOf({ description, secret }: Variable): string {
  return secret === true ? `${description} Secret: never shown in logs, errors or answers.` : description;
}
