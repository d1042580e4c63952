import type { Bytes } from '../../core/types/index.ts';
import { readAt } from './pieces.ts';
import type { S3Client } from './s3-client.ts';
import { completionOf, textOf } from './s3-xml.ts';
import type { StagedFile } from './uploads.ts';

/**
 * Bytes of a part, and of the largest content that is sent in one request. The largest content then has 8,192 parts, of
 * 10,000 that services take, and a part is sent again in seconds over a slow line.
 */
const PART_BYTES = 8 * 1024 * 1024;
/** Parts under way at once, which are in memory. */
const PARALLEL_PARTS = 3;

/**
 * Puts a file into the bucket: in one request, or in parts, of which nothing is seen before the last one is there.
 * Whatever fails, what was sent is taken back as far as the service can be reached.
 */
export async function putInParts(client: S3Client, key: string, file: StagedFile): Promise<void> {
  if (file.size <= PART_BYTES) {
    const body = await partOf(file, 0);
    await (await client.send({ method: 'PUT', key, body }))?.drop();
    return;
  }
  const begun = await client.send({ method: 'POST', key, query: { uploads: '' } });
  const uploadId = textOf((await begun?.text()) ?? '', 'UploadId');
  if (uploadId === '') throw client.failure(new Error('it names no upload'));
  try {
    const etags = await sendParts(client, key, uploadId, file);
    await complete(client, key, uploadId, etags, file.size);
  } catch (error) {
    await client
      .send({ method: 'DELETE', key, query: { uploadId }, once: true })
      .then((answer) => answer?.drop())
      .catch(() => undefined);
    throw error;
  }
}

async function sendParts(client: S3Client, key: string, uploadId: string, file: StagedFile): Promise<string[]> {
  const count = Math.ceil(file.size / PART_BYTES);
  const etags: string[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    try {
      for (let index = next++; index < count; index = next++) {
        const body = await partOf(file, index);
        const query = { partNumber: String(index + 1), uploadId };
        const answer = await client.send({ method: 'PUT', key, query, body });
        if (answer === undefined) throw client.failure(new Error('it lost the upload that it began'));
        etags[index] = answer.header('etag');
        await answer.drop();
      }
    } catch (error) {
      next = count;
      throw error;
    }
  };
  // Every worker has ended before anything is taken back.
  const ended = await Promise.allSettled(Array.from({ length: Math.min(PARALLEL_PARTS, count) }, worker));
  for (const one of ended) if (one.status === 'rejected') throw one.reason;
  return etags;
}

async function complete(
  client: S3Client,
  key: string,
  uploadId: string,
  etags: readonly string[],
  size: number,
): Promise<void> {
  const body: Bytes = new TextEncoder().encode(completionOf(etags));
  const headers = { 'content-type': 'application/xml' };
  const answer = await client.send({ method: 'POST', key, query: { uploadId }, headers, body });
  // A service may find its fault after it has begun to answer with 200.
  const xml = (await answer?.text()) ?? '';
  if (answer !== undefined && textOf(xml, 'Code') === '') return;
  // Where an earlier try was carried out and its answer lost, the upload is gone and the object is there.
  const head = await client.send({ method: 'HEAD', key });
  await head?.drop();
  if (head !== undefined && Number(head.header('content-length')) === size) return;
  throw client.failure(new Error(`it did not put the parts together (${textOf(xml, 'Code') || 'no such upload'})`));
}

async function partOf(file: StagedFile, index: number): Promise<Bytes> {
  const start = index * PART_BYTES;
  const length = Math.min(PART_BYTES, file.size - start);
  const part = await readAt(file.handle, start, length);
  if (part.length !== length) throw new Error(`${file.path} is shorter than it was`);
  return part;
}
