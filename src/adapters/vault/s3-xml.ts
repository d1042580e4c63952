/**
 * The few parts that are read of the answers of an S3-compatible service. They are flat documents that the service
 * makes, without attributes that matter, comments or CDATA sections.
 */

const ENTITIES: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" };

function unescape(text: string): string {
  return text.replaceAll(/&(?:(lt|gt|amp|quot|apos)|#(\d{1,7})|#x([0-9a-fA-F]{1,6}));/g, (whole, name, digits, hex) => {
    if (typeof name === 'string') return ENTITIES[name] ?? whole;
    const point = typeof digits === 'string' ? Number(digits) : Number.parseInt(String(hex), 16);
    return point <= 0x10ffff ? String.fromCodePoint(point) : whole;
  });
}

/** The text of the first element of this name; empty where there is none. */
export function textOf(xml: string, name: string): string {
  const found = new RegExp(`<${name}(?:\\s[^>]*)?>([^<]*)</${name}>`).exec(xml);
  return unescape(found?.[1] ?? '');
}

export interface S3Listed {
  readonly key: string;
  readonly size: number;
  /** Unix ms. */
  readonly at: number;
}

/** What one page of a list says (ListObjectsV2). `next` continues the list, where it goes on. */
export function listOf(xml: string): { readonly objects: readonly S3Listed[]; readonly next: string | undefined } {
  const objects = Array.from(xml.matchAll(/<Contents>(.*?)<\/Contents>/gs), ([, part = '']) => ({
    key: textOf(part, 'Key'),
    size: Number(textOf(part, 'Size')),
    at: Date.parse(textOf(part, 'LastModified')),
  }));
  const next = textOf(xml, 'NextContinuationToken');
  return { objects, next: textOf(xml, 'IsTruncated') === 'true' && next !== '' ? next : undefined };
}

/** The body that completes an upload in parts, from the ETag of each part in order. */
export function completionOf(etags: readonly string[]): string {
  const escape = (text: string): string =>
    text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
  const parts = etags.map((etag, i) => `<Part><PartNumber>${i + 1}</PartNumber><ETag>${escape(etag)}</ETag></Part>`);
  return `<CompleteMultipartUpload>${parts.join('')}</CompleteMultipartUpload>`;
}
