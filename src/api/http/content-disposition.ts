/** Characters that may stand in `filename*` as they are (RFC 8187 §3.2.1). */
const ATTRIBUTE = /[^A-Za-z0-9!#$&+.^_`|~-]/gu;

/** The bytes of a text in UTF-8, percent-encoded. */
const percent = (text: string): string =>
  Array.from(new TextEncoder().encode(text), (byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join('');

/**
 * A Content-Disposition (RFC 6266). Readers save the content under `name`, which is given as quoted ASCII for old ones
 * and exactly, by RFC 8187, where that is not the same. With an empty name there is none.
 */
export function contentDisposition(kind: 'attachment' | 'inline', name: string): string {
  if (name === '') return kind;
  // Some readers decode percent signs in the quoted form, so that they see none (RFC 6266, appendix D).
  const plain = name.replace(/[^\x20-\x7e]|["\\%]/gu, '_');
  const exact = plain === name ? '' : `; filename*=UTF-8''${name.replace(ATTRIBUTE, percent)}`;
  return `${kind}; filename="${plain}"${exact}`;
}
