/**
 * The absolute URL that a text is (WHATWG URL), or undefined where it is none. `URL.canParse` is not asked, because once
 * it has run hot in Node 20 it refuses a text whose characters beyond ASCII fit one byte, such as a host with an ü.
 */
export function parseUrl(text: string): URL | undefined {
  try {
    return new URL(text);
  } catch {
    return undefined;
  }
}
