import { useId, useState } from 'preact/hooks';
import { asShown, resolution } from '../../../src/client/resolution.ts';
import { useAction } from '../lib/action.ts';
import { api } from '../lib/api.ts';
import { askToken } from '../lib/auth.ts';
import { diffLines } from '../lib/diff.ts';
import { labelOf } from '../lib/fleet.ts';
import { hlcMs, plural } from '../lib/format.ts';
import { announcement, refresh, status } from '../lib/live.ts';
import { useResource } from '../lib/resource.ts';
import { linkTo } from '../lib/router.ts';
import type { Conflict as ConflictAnswer } from '../lib/types.ts';
import { Pager } from '../ui/pager.tsx';
import { Ago, Badge, Card, Empty, KeyText, NodeName, Note, Problem, Show, When } from '../ui/parts.tsx';
import { jsonFlaw, ValueField } from '../ui/value-editor.tsx';

const PAGE = 20;

type SiblingAnswer = ConflictAnswer['siblings'][number];

/** The choice of a value that none of the nodes has written. */
const OWN = 'own';

const pretty = (sibling: SiblingAnswer): string => (sibling.deleted ? '' : JSON.stringify(sibling.value, null, 2));

const SIGN_WORDS = { ' ': '', '-': 'only in the first value', '+': 'only in this value' } as const;

/** A value with marks at the lines in which it differs from the first one. */
function Difference({ first, sibling }: { readonly first: SiblingAnswer; readonly sibling: SiblingAnswer }) {
  const lines = diffLines(pretty(first), pretty(sibling));
  if (lines === undefined) return <p class="aside">The values are too long to be compared line by line.</p>;
  return (
    <pre class="value diff" tabIndex={0} aria-label="Difference from the first value">
      {lines.map(({ sign, text }, i) => (
        <span key={i} class={sign === '+' ? 'added' : sign === '-' ? 'gone' : ''}>
          {sign !== ' ' && <span class="unseen">{SIGN_WORDS[sign]}: </span>}
          {`${sign} ${text}\n`}
        </span>
      ))}
    </pre>
  );
}

interface SiblingProps {
  readonly sibling: SiblingAnswer;
  /** The value that readers see; undefined for that value itself. */
  readonly first: SiblingAnswer | undefined;
  readonly group: string;
  readonly chosen: boolean;
  readonly choose: () => void;
}

function Sibling({ sibling, first, group, chosen, choose }: SiblingProps) {
  return (
    <div class={`sibling ${chosen ? 'chosen' : ''}`}>
      <label class="choice">
        <input type="radio" name={group} checked={chosen} onChange={choose} />
        <span>
          Keep {sibling.deleted ? 'the deletion' : 'the value'} of {labelOf(sibling.author)}{' '}
          {first === undefined && <Badge tone="info">readers see this</Badge>}
        </span>
      </label>
      {sibling.deleted ? (
        <p class="value deleted">deleted</p>
      ) : first === undefined || first.deleted ? (
        <pre class="value" tabIndex={0} aria-label="Value">
          {pretty(sibling)}
        </pre>
      ) : (
        <Difference first={first} sibling={sibling} />
      )}
      <p class="aside">
        by <NodeName id={sibling.author} />, <When at={hlcMs(sibling.hlc)} /> (<Ago at={hlcMs(sibling.hlc)} />)
      </p>
    </div>
  );
}

function Conflict({
  conflict,
  resolved,
  reload,
}: {
  readonly conflict: ConflictAnswer;
  readonly resolved: (key: string) => void;
  readonly reload: () => void;
}) {
  const id = useId();
  const { key, siblings } = conflict;
  const winner = siblings[0];
  const [choice, setChoice] = useState<string | undefined>();
  const [own, setOwn] = useState(winner === undefined ? '' : pretty(winner));
  const chosen = siblings.find((sibling) => sibling.version === choice);
  const usable = choice === OWN ? jsonFlaw(own) === undefined : chosen !== undefined;
  const resolve = useAction<true>(async () => {
    if (!usable || winner === undefined) return undefined;
    if ((await askToken('to resolve a conflict')) === undefined) return undefined;
    await (chosen === undefined
      ? api.putEntryJson(key, own, asShown(conflict))
      : api.commit([resolution(conflict, chosen)]));
    announcement.value = `The conflict under ${key} is resolved`;
    refresh();
    resolved(key);
    return true;
  }, false);
  const changed = resolve.problem?.code === 'precondition-failed';
  return (
    <section class="card conflict" aria-labelledby={id}>
      <div class="card-head">
        <h2 id={id}>
          <KeyText text={key} />
        </h2>
        <a href={linkTo('state', { key })}>Entry and proof</a>
      </div>
      <fieldset>
        <legend>{plural(siblings.length, 'value')} that were written without knowledge of each other</legend>
        <div class="siblings">
          {siblings.map((sibling, i) => (
            <Sibling
              key={sibling.version}
              sibling={sibling}
              first={i === 0 ? undefined : winner}
              group={id}
              chosen={sibling.version === choice}
              choose={() => setChoice(sibling.version)}
            />
          ))}
          <div class={`sibling ${choice === OWN ? 'chosen' : ''}`}>
            <label class="choice">
              <input type="radio" name={id} checked={choice === OWN} onChange={() => setChoice(OWN)} />
              <span>Write another value</span>
            </label>
            {choice === OWN && <ValueField label="The value, as JSON" text={own} onText={setOwn} />}
          </div>
        </div>
      </fieldset>
      <div class="buttons">
        <button type="button" class="primary" disabled={!usable || resolve.busy} onClick={resolve.run}>
          {resolve.busy ? 'Writing…' : 'Resolve'}
        </button>
        <span class="aside">Writes a new version, signed by this node, that replaces all of them on every node.</span>
      </div>
      {changed && (
        <div role="alert">
          <Note tone="warn" title="Somebody wrote in the meantime.">
            <p>
              Nothing was changed.{' '}
              <button type="button" class="small" onClick={reload}>
                Refresh
              </button>
            </p>
          </Note>
        </div>
      )}
      {resolve.problem !== undefined && !changed && <Problem problem={resolve.problem} />}
    </section>
  );
}

export function Conflicts() {
  const [cursors, setCursors] = useState<readonly string[]>([]);
  const [done, setDone] = useState<readonly string[]>([]);
  const cursor = cursors.at(-1);
  const page = useResource(`conflicts ${cursor}`, (call) => api.listConflicts({ limit: PAGE, cursor, ...call }));
  const total = status.value?.conflicts ?? 0;
  const onResolved = (key: string): void => {
    setDone((old) => [...old.filter((k) => k !== key), key].slice(-PAGE));
    page.reload();
  };
  return (
    <>
      <div class="bar">
        <span>
          {total === 0
            ? 'No conflict.'
            : `${plural(total, 'key')} in conflict. Readers see the first value of each until it is resolved.`}
        </span>
        <button type="button" class="quiet" onClick={page.reload}>
          Refresh
        </button>
      </div>
      {done.map((key) => (
        <Note key={key} tone="ok">
          <p>
            Resolved: <KeyText text={key} />
          </p>
        </Note>
      ))}
      <Show of={page} what="the conflicts">
        {(data) => (
          <>
            {data.conflicts.length === 0 && data.cursor === undefined && (
              <Card>
                <Empty>Nothing to resolve: every key has one value.</Empty>
              </Card>
            )}
            {data.conflicts.map((conflict) => (
              <Conflict
                key={`${conflict.key} ${conflict.siblings.map((s) => s.version).join(' ')}`}
                conflict={conflict}
                resolved={onResolved}
                reload={page.reload}
              />
            ))}
            <Pager cursors={cursors} next={data.cursor} go={setCursors} />
          </>
        )}
      </Show>
    </>
  );
}
