/** One step of a guide: a block of shell, with what the comments before it say of it. */
export interface GuideStep {
  /** The heading that it stands under. */
  readonly section: string;
  readonly script: string;
  /** What `<!-- guide: … -->` comments before the block say, in order. Readers of the guide do not see them. */
  readonly notes: readonly string[];
}

/** The shell blocks of a guide, in order. */
export function guideSteps(markdown: string): readonly GuideStep[] {
  const steps: GuideStep[] = [];
  let section = '';
  let notes: string[] = [];
  let script: string[] | undefined;
  for (const line of markdown.split('\n')) {
    if (script !== undefined) {
      if (line === '```') {
        steps.push({ section, script: script.join('\n'), notes });
        [script, notes] = [undefined, []];
      } else script.push(line);
      continue;
    }
    const note = /^<!-- guide: (.*) -->$/.exec(line)?.[1];
    const heading = /^#+ (.+)$/.exec(line)?.[1];
    if (line === '```sh') script = [];
    else if (note !== undefined) notes.push(note);
    else if (heading !== undefined) section = heading;
  }
  if (notes.length > 0) throw new Error(`no shell block follows <!-- guide: ${notes.join(', ')} -->`);
  return steps;
}
