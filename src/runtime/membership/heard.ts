/**
 * What became of a notice: it told something, it was known or is of no use here, a signature is bad, or too many waited
 * for it to be looked at.
 */
export type Heard = 'news' | 'known' | 'forged' | 'unread';
