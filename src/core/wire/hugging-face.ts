/*
 * A Hugging Face Space has a page, https://huggingface.co/spaces/<owner>/<name>, and an app, which answers at a host of
 * its own: owner and name with a hyphen between them, in lower case, each dot and underscore a hyphen.
 */

const PAGE = /^https?:\/\/(?:www\.)?(?:huggingface\.co|hf\.co)(?::\d+)?\/spaces\/([\w.-]+)\/([\w.-]+)(?:\/.*)?$/i;

/** The base URL of the app of the Space whose page `text` is; undefined for any other URL. */
export function spaceAppOf(text: string): string | undefined {
  const [, owner, name] = PAGE.exec(text) ?? [];
  if (owner === undefined || name === undefined) return undefined;
  return `https://${`${owner}-${name}`.toLowerCase().replaceAll(/[._]/g, '-')}.hf.space`;
}

/** Whether a host is the one with the pages of Spaces, or that of the app of a Space. */
export function isSpaceHost(host: string): boolean {
  return /^(?:www\.)?(?:huggingface\.co|hf\.co)\.?$|\.hf\.space\.?$/i.test(host);
}
