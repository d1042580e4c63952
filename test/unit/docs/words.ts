/** Words that the documents leave out, each with what says it: one thing has one word. */
const RETIRED: readonly (readonly [word: RegExp, instead: string])[] = [
  [/\bfeeds?\b/i, 'push stream, event stream'],
  [/\bsession nonces?\b/i, 'request nonce'],
  [/\blegacy\b/i, "the original's"],
  [/(?<!\.)\bdumps?\b/i, 'whole state'],
  [/\bclone[sd]?\b/i, 'twin'],
  [/\bconsumers?\b/i, 'reader'],
  [/\bformer li(?:fe|ves)\b/i, 'former incarnation'],
  [/\bbootstrap (?:peer|address|node)(?:e?s)?\b/i, 'P2P address of a peer'],
  [/\bmodes? 0?[0-7]{3}\b/i, 'permissions'],
  [/\b(?:production (?:guard|mode)|guard of production)\b/i, 'rules for production'],
  [/\bsnapshots? (?:and iterators? )?(?:of the store|open)\b/i, 'view of the store'],
  [/\bsnapshot or iterator\b/i, 'view of the store'],
];

/** Blocks of code. */
export const FENCED = /^ *```[\s\S]*?^ *```$/gm;

/** A document without blocks of code, names in code font and anchors: variables, options and codes keep theirs. */
export function proseOf(text: string): string {
  return text
    .replaceAll(FENCED, '')
    .replaceAll(/`[^`\s]*`/g, '``')
    .replaceAll(/<a id="[^"]*">/g, '<a>');
}

/** Words that a text should leave out, each with what to say instead. */
export function retiredIn(text: string): readonly string[] {
  const prose = proseOf(text).replaceAll(/\s+/g, ' ');
  return RETIRED.flatMap(([word, instead]) => {
    const found = word.exec(prose);
    return found === null ? [] : [`${found[0]}: say ${instead}`];
  });
}
