import { useEffect, useState } from 'preact/hooks';
import { useAction } from '../lib/action.ts';
import { api } from '../lib/api.ts';
import { labelOf } from '../lib/fleet.ts';
import { count, plural } from '../lib/format.ts';
import { announcement, status } from '../lib/live.ts';
import type { PathView, ProofResult } from '../proof/verify.ts';
import { Badge, Card, Note, Problem, When } from '../ui/parts.tsx';

type Verified = Extract<ProofResult, { holds: true }>;

interface Checked {
  readonly result: ProofResult;
  readonly document: string;
}

function statement({ proven }: Verified): string {
  const { kind, value, key, head, certificate } = proven;
  const who =
    certificate === undefined
      ? `${labelOf(head?.author ?? '')} signed that it held`
      : `${count(certificate.signers.length)} of the trusted nodes (a quorum is ${count(certificate.quorum)}) signed that they held`;
  const what =
    kind === 'present'
      ? `the value ${JSON.stringify(value)}`
      : kind === 'deleted'
        ? 'a tombstone (the key was deleted)'
        : kind === 'expired'
          ? 'a value that had ended'
          : 'nothing';
  return `${who} ${what} under ${JSON.stringify(key)}.`;
}

/** Says for which moment the proof holds, who wrote the value, and what the proof does not say. */
function Scope({ proven }: Verified) {
  const { head, certificate, writers } = proven;
  return (
    <p class="aside">
      {head !== undefined && (
        <>
          As of the node's head {head.sequence}, <When at={head.wallMs} /> by its clock.{' '}
        </>
      )}
      {certificate !== undefined && (
        <>
          As of the cut at <When at={certificate.at} />.{' '}
        </>
      )}
      {writers.length > 0 && `Written by ${writers.map(labelOf).join(', ')}. `}
      {certificate === undefined
        ? 'It does not say that this is the latest value, nor that other nodes held it. '
        : 'It does not say that this is the latest value. '}
      The list of trusted keys came from this node: compare it with one that you got elsewhere.
    </p>
  );
}

function Path({ path }: { readonly path: PathView }) {
  return (
    <details>
      <summary>{`The way from the leaf to the root: ${plural(path.steps.length, 'step')}`}</summary>
      <ol class="path">
        <li>
          leaf <code class="wrap">{path.leaf}</code>
        </li>
        {path.steps.map((step) => (
          <li key={step.bit}>
            branch at bit {step.bit}, we are its {step.from} child; the other is{' '}
            <code class="wrap">{step.sibling}</code>
            <br />
            together <code class="wrap">{step.hash}</code>
          </li>
        ))}
      </ol>
    </details>
  );
}

const SIGNS = { ok: ['ok-text', '✓'], failed: ['bad-text', '✕'], 'not-checked': ['aside', '–'] } as const;

function Outcome({ result, document }: Checked) {
  return (
    <div class={`proof ${result.holds ? 'ok' : 'bad'}`}>
      <p class="proof-verdict" role="status">
        <Badge tone={result.holds ? 'ok' : 'bad'}>{result.holds ? 'Proof verified' : 'Proof does not hold'}</Badge>{' '}
        <span class="aside">checked in this browser in {Math.max(1, Math.round(result.ms))} ms</span>
      </p>
      <ol class="checks">
        {result.checks.map(({ check, result: outcome, text }) => (
          <li key={check}>
            <span class={`sign ${SIGNS[outcome][0]}`} aria-hidden="true">
              {SIGNS[outcome][1]}
            </span>
            <span class="wrap">
              {outcome === 'ok' ? (
                text
              ) : outcome === 'failed' ? (
                <>
                  <strong>Failed: </strong>
                  {text}
                </>
              ) : (
                `Not checked: ${text}`
              )}
            </span>
          </li>
        ))}
      </ol>
      {result.holds ? (
        <>
          <p class="statement wrap">{statement(result)}</p>
          <Scope {...result} />
          {result.path !== undefined && <Path path={result.path} />}
        </>
      ) : (
        <Note tone="bad" title="Do not rely on this value.">
          <p>Read the proof again; if it fails again, the node or something between it and you changes what it says.</p>
        </Note>
      )}
      <Save document={document} />
    </div>
  );
}

/** Offers the proof document as a file, which an auditor checks with `lattice proof verify`. */
function Save({ document }: { readonly document: string }) {
  const [href, setHref] = useState<string | undefined>();
  useEffect(() => {
    const made = URL.createObjectURL(new Blob([document], { type: 'application/json' }));
    setHref(made);
    return () => URL.revokeObjectURL(made);
  }, [document]);
  return href === undefined ? null : (
    <p>
      <a href={href} download="proof.json">
        Save the proof
      </a>{' '}
      <span class="aside">
        and check it elsewhere: <code>lattice proof verify proof.json --trust fleet.json</code>
      </span>
    </p>
  );
}

export function ProofPanel({ name }: { readonly name: string }) {
  const [atCut, setAtCut] = useState(false);
  const check = useAction<Checked>(async () => {
    const [{ verifyDocument }, document] = await Promise.all([
      import('../proof/verify.ts'),
      api.getProofText(name, { at: atCut ? 'cut' : undefined }),
    ]);
    const known = status.peek();
    const result = await verifyDocument(document, {
      key: name,
      network: known?.network,
      trusted: known?.trust.authors ?? [],
    });
    announcement.value = result.holds ? 'The proof was verified' : 'The proof does not hold';
    return { result, document };
  }, false);
  return (
    <Card
      title="Proof"
      actions={
        <button type="button" class="primary" onClick={check.run} disabled={check.busy}>
          {check.busy ? 'Checking…' : check.result === undefined ? 'Read and verify' : 'Verify again'}
        </button>
      }
    >
      {status.value?.cuts?.certified !== undefined && (
        <label class="choice">
          <input type="checkbox" checked={atCut} onChange={(event) => setAtCut(event.currentTarget.checked)} />
          <span>at the newest cut that a quorum certified, instead of this node's word</span>
        </label>
      )}
      {check.problem !== undefined && <Problem problem={check.problem} retry={check.run} />}
      {check.result === undefined && check.problem === undefined && (
        <p class="empty">
          Reads the Merkle proof, the signed commits and the signature over the root, and checks all of them here,
          without trusting the node's word.
        </p>
      )}
      {check.result !== undefined && <Outcome {...check.result} />}
    </Card>
  );
}
