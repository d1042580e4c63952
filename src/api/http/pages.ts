/** Bytes of JSON at which a page of a list ends, so that no answer takes the event loop or the memory for long. */
const MAX_PAGE_BYTES = 1024 * 1024;

/** The items of a page as JSON, each written once: its length decides whether it still fits. */
export interface PageText<T> {
  /** Takes the item, and answers true, unless the page would have more than MAX_PAGE_BYTES. The first one is taken. */
  readonly fits: (item: T) => boolean;
  /** `{"<name>":[items],"cursor":…}`, with the cursor where there is one. */
  finish(name: string, cursor: string | undefined): string;
}

export function createPageText<T>(): PageText<T> {
  const texts: string[] = [];
  let bytes = 0;
  return {
    fits(item) {
      const text = JSON.stringify(item);
      const size = Buffer.byteLength(text) + 1;
      if (texts.length > 0 && bytes + size > MAX_PAGE_BYTES) return false;
      texts.push(text);
      bytes += size;
      return true;
    },
    finish(name, cursor) {
      const more = cursor === undefined ? '' : `,"cursor":${JSON.stringify(cursor)}`;
      return `{${JSON.stringify(name)}:[${texts.join(',')}]${more}}`;
    },
  };
}
