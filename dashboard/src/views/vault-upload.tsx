import { useRef, useState } from 'preact/hooks';
import { LatticeError } from '../../../src/client/index.ts';
import { api, asProblem } from '../lib/api.ts';
import { askToken } from '../lib/auth.ts';
import { bytes } from '../lib/format.ts';
import { announcement, status } from '../lib/live.ts';
import { linkTo } from '../lib/router.ts';
import { Badge, Card, Note, Problem, sentence } from '../ui/parts.tsx';

/** Uploads that are shown. Those that ended first leave first. */
const MAX_SHOWN = 20;

interface Upload {
  readonly id: number;
  readonly name: string;
  readonly size: number;
  readonly sent: number;
  readonly hash?: string;
  readonly created?: boolean;
  readonly problem?: LatticeError;
}

function Row({ upload, stop }: { readonly upload: Upload; readonly stop: () => void }) {
  const { name, size, sent, hash, created, problem } = upload;
  const isUnderWay = hash === undefined && problem === undefined;
  return (
    <li>
      <span class="wrap">{name}</span>{' '}
      {isUnderWay && (
        <>
          <span class="aside">
            {bytes(sent)} of {bytes(size)}
          </span>
          <progress value={sent} max={Math.max(1, size)} aria-label={`Upload of ${name}`} />
          <button type="button" class="small" onClick={stop} aria-label={`Stop the upload of ${name}`}>
            Stop
          </button>
        </>
      )}
      {hash !== undefined && (
        <>
          <Badge tone="ok">{created === true ? 'put' : 'was there already'}</Badge>{' '}
          <a href={linkTo('vault', { hash })}>Show it</a>
        </>
      )}
      {problem !== undefined && <Problem problem={problem} />}
    </li>
  );
}

/** Takes files by choice or by drag and drop, and puts one after the other. */
export function UploadCard({ changed }: { readonly changed: () => void }) {
  const [uploads, setUploads] = useState<readonly Upload[]>([]);
  const [over, setOver] = useState(false);
  const [pin, setPin] = useState(false);
  const next = useRef(0);
  const line = useRef(Promise.resolve());
  const stops = useRef(new Map<number, AbortController>());
  const update = (id: number, change: Partial<Upload>): void =>
    setUploads((old) => old.map((upload) => (upload.id === id ? { ...upload, ...change } : upload)));

  async function put(id: number, file: File): Promise<void> {
    const stop = stops.current.get(id) ?? new AbortController();
    try {
      stop.signal.throwIfAborted();
      const { object, created } = await api.vault.put(file, {
        name: file.name,
        pin,
        signal: stop.signal,
        onProgress: ({ sent }) => update(id, { sent }),
      });
      update(id, { hash: object.hash, created });
      announcement.value = `${file.name} is in the vault`;
      changed();
    } catch (error) {
      update(id, { problem: asProblem(error) });
      announcement.value = `The upload of ${file.name} failed`;
    } finally {
      stops.current.delete(id);
    }
  }

  async function take(files: readonly File[]): Promise<void> {
    if (files.length === 0 || (await askToken('to put content into the vault')) === undefined) return;
    const taken = files.map((file) => ({ id: next.current++, file }));
    for (const { id } of taken) stops.current.set(id, new AbortController());
    setUploads((old) =>
      [...taken.map(({ id, file }) => ({ id, name: file.name, size: file.size, sent: 0 })), ...old].slice(0, MAX_SHOWN),
    );
    for (const { id, file } of taken) line.current = line.current.then(() => put(id, file));
  }

  const { writable = true, readOnlyReasons = [] } = status.value ?? {};
  return (
    <Card title="Put content in">
      {!writable && (
        <Note tone="warn" title="This node is read-only.">
          {readOnlyReasons.map(({ code, text }) => (
            <p key={code}>{sentence(text)}</p>
          ))}
        </Note>
      )}
      <div
        class={`drop ${over ? 'over' : ''}`}
        onDragOver={(event) => {
          event.preventDefault();
          setOver(true);
        }}
        onDragLeave={() => setOver(false)}
        onDrop={(event) => {
          event.preventDefault();
          setOver(false);
          void take(Array.from(event.dataTransfer?.files ?? []));
        }}
      >
        <label for="files">Choose files, or drop them here</label>
        <input
          id="files"
          type="file"
          multiple
          disabled={!writable}
          onChange={(event) => {
            const input = event.currentTarget;
            void take(Array.from(input.files ?? [])).then(() => {
              // So that the same file can be chosen again.
              input.value = '';
            });
          }}
        />
        <label class="choice">
          <input type="checkbox" checked={pin} onChange={(event) => setPin(event.currentTarget.checked)} />
          <span>Pin them, so that every node that keeps pinned objects has them</span>
        </label>
      </div>
      {uploads.length > 0 && (
        <ul class="uploads" aria-label="Uploads">
          {uploads.map((upload) => (
            <Row
              key={upload.id}
              upload={upload}
              stop={() =>
                stops.current
                  .get(upload.id)
                  ?.abort(new LatticeError('aborted', 'it was stopped; nothing of it was kept'))
              }
            />
          ))}
        </ul>
      )}
    </Card>
  );
}
