/*
 * What templates put where somebody has yet to write a value. The forms are those of the original's env files and
 * guides, of this project's own templates, and of what else is common.
 */

/** `<peer id>`, `{PEER_ID}`, `${PEER_ID}` and `@TOKEN@`. */
const BRACKETED = /\$?\{[^{}]{0,80}\}|<[^<>]{0,80}>|@[A-Za-z][\w .-]{0,80}@/;
/** Words of which a name in capitals says what belongs in its place, as in PEER_ID_1, NODE1_IP and NODE2_PUBKEY_HERE. */
const CAPITALS =
  /(?<![A-Za-z0-9_])(?=[A-Z0-9]*_)(?:[A-Z0-9]+_)*(?:YOUR|REPLACE|CHANGE|HERE|PEER|ID|IP|HOST|HOSTNAME|DOMAIN|ADDRESS|URL|PORT|KEY|PUBKEY|PRIVKEY|TOKEN|SECRET)(?:_[A-Z0-9]+)*(?![A-Za-z0-9_])/;
/** `your-api-key`, `your_key_here`, `change-me`, and peer ids that say no more than that they are one. */
const WORDS =
  /(?<![A-Za-z0-9])(?:your[-_ ][\w -]{1,80}|change[-_ ]?(?:me|this|it)(?![a-z])|[\w-]{1,80}[-_]here(?![a-z0-9])|Qm\w*Peer\w*|(?:Qm|12D3KooW)?X{4,}|12D3KooW(?:\.{3}|…))/i;

/** The part of a text that stands for a value that somebody has yet to write; undefined where there is none. */
export function placeholderIn(text: string): string | undefined {
  return bracketedIn(text) ?? (CAPITALS.exec(text) ?? WORDS.exec(text))?.[0];
}

/** The same for texts that may have any words: only what stands in brackets is a placeholder. */
export function bracketedIn(text: string): string | undefined {
  return BRACKETED.exec(text)?.[0];
}
