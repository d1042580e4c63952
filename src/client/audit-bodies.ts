import type { AuditRecord } from '../api/contract/audit-entities.ts';

/** Records of one request. The node takes no more. */
const MAX_RECORDS = 256;
/** Bytes of one request, with room for its frame within the 256 KiB that a node takes. One record has at most 66 KiB. */
const MAX_BYTES = 240 * 1024;

/** The bodies of the requests that add `records`, in their order. */
export function* auditBodies(records: readonly AuditRecord[]): Generator<string, void> {
  const utf8 = new TextEncoder();
  let texts: string[] = [];
  let bytes = 0;
  const body = (): string => `{"records":[${texts.join(',')}]}`;
  for (const record of records) {
    const text = JSON.stringify(record);
    const size = utf8.encode(text).length + 1;
    if (texts.length > 0 && (texts.length === MAX_RECORDS || bytes + size > MAX_BYTES)) {
      yield body();
      texts = [];
      bytes = 0;
    }
    texts.push(text);
    bytes += size;
  }
  if (texts.length > 0) yield body();
}
