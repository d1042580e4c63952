import { signal } from '@preact/signals';
import { useId } from 'preact/hooks';
import type { Receipt } from '../../../src/client/index.ts';
import { duration } from '../lib/format.ts';
import { status } from '../lib/live.ts';
import { NodeName, Note, When } from './parts.tsx';

/** What a write of this page may wait for, beside that it is durable on the node that serves the page. */
export type Wait = 'here' | 'another' | 'certified' | 'complete';

const WAITS: Readonly<Record<Wait, string>> = {
  here: 'this node has it on its disk',
  another: 'another writer has it on its disk too',
  certified: 'a quorum has signed a state that holds it (some 20 s)',
  complete: 'all writers have signed a state that holds it: then it is final (some 20 s)',
};
/** For how long the node waits for another writer, and for a cut: one is taken every 10 s, settles and goes round. */
const ANOTHER_MS = 5_000;
const CUT_MS = 45_000;

/** The options of a write that is to wait so. */
export function waitingFor(wait: Wait): {
  readonly replicas?: 1;
  readonly certified?: true;
  readonly complete?: true;
  readonly receiptMs?: number;
} {
  if (wait === 'here') return {};
  if (wait === 'another') return { replicas: 1, receiptMs: ANOTHER_MS };
  return wait === 'certified' ? { certified: true, receiptMs: CUT_MS } : { complete: true, receiptMs: CUT_MS };
}

/** Asks what a write waits for. Without another node there is nothing else to wait for. */
export function WaitField({ wait, choose }: { readonly wait: Wait; readonly choose: (wait: Wait) => void }) {
  const id = useId();
  if ((status.value?.verdict.members.length ?? 0) === 0) return null;
  return (
    <div class="value-field">
      <label for={id}>Done once</label>
      <select id={id} value={wait} onChange={(event) => choose(event.currentTarget.value as Wait)}>
        {(Object.keys(WAITS) as Wait[]).map((one) => (
          <option key={one} value={one}>
            {WAITS[one]}
          </option>
        ))}
      </select>
    </div>
  );
}

/** The receipt of the last write, beside the key that it is of. Whoever shows the key takes it away with it. */
export const lastReceipt = signal<{ readonly key: string; readonly receipt: Receipt } | undefined>(undefined);

function Names({ of }: { readonly of: readonly { readonly author: string }[] }) {
  return (
    <>
      {of.map(({ author }, i) => (
        <span key={author}>
          {i > 0 && ', '}
          <NodeName id={author} />
        </span>
      ))}
    </>
  );
}

/** What has come of what the last write of a key was to wait for. */
export function LastReceipt({ of }: { readonly of: string }) {
  const last = lastReceipt.value;
  if (last === undefined || last.key !== of) return null;
  const { met, waitedMs, replicas, certified, complete } = last.receipt;
  const cut = complete ?? certified;
  return (
    <div role="status">
      <Note
        tone={met ? 'ok' : 'warn'}
        title={
          met
            ? 'It is written, and signed elsewhere.'
            : 'It is written and stands. What it was to wait for has not come.'
        }
      >
        {replicas !== undefined && replicas.signed.length > 0 && (
          <p>
            On the disk of <Names of={replicas.signed} /> too, by a signature.
          </p>
        )}
        {replicas !== undefined && !met && (
          <p>
            Nothing within {duration(waitedMs)} from <Names of={replicas.missing} />. It reaches them once they are
            reached.
          </p>
        )}
        {cut?.at !== undefined && (
          <p>
            {complete === undefined ? 'A quorum' : 'All writers'} signed the state of <When at={cut.at} />, which holds
            it{complete === undefined ? '.' : ': it is final.'}
          </p>
        )}
        {cut !== undefined && !met && (
          <p>No such state was signed within {duration(waitedMs)}. The Members page tells who holds the floor back.</p>
        )}
      </Note>
    </div>
  );
}
