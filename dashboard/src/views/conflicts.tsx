import { useId, useState } from 'preact/hooks';
import { useAction } from '../lib/action.ts';
import { api } from '../lib/api.ts';
import { askToken } from '../lib/auth.ts';
import { hlcMs, plural, short } from '../lib/format.ts';
import { announcement, refresh, status } from '../lib/live.ts';
import { useResource } from '../lib/resource.ts';
import { linkTo } from '../lib/router.ts';
import type { Conflict as ConflictAnswer } from '../lib/types.ts';
import { Ago, Badge, Card, Empty, Note, Problem, Show, When } from '../ui/parts.tsx';

const PAGE = 20;

type SiblingAnswer = ConflictAnswer['siblings'][number];

const pretty = (sibling: SiblingAnswer): string => (sibling.deleted ? '' : JSON.stringify(sibling.value, null, 2));

function Sibling(props: {
  readonly sibling: SiblingAnswer;
  readonly winner: boolean;
  readonly group: string;
  readonly chosen: boolean;
  readonly choose: () => void;
}) {
  const { sibling, winner, group, chosen, choose } = props;
  return (
    <div class={`sibling ${chosen ? 'chosen' : ''}`}>
      <label class="choice">
        <input type="radio" name={group} checked={chosen} onChange={choose} />
        <span>
          Keep {sibling.deleted ? 'the deletion' : 'this value'} {winner && <Badge tone="info">shown now</Badge>}
        </span>
      </label>
      {sibling.deleted ? (
        <p class="value deleted">deleted</p>
      ) : (
        <pre class="value" tabIndex={0} aria-label="Value">
          {pretty(sibling)}
        </pre>
      )}
      <p class="aside">
        by <code title={sibling.author}>{short(sibling.author, 6)}</code>, <When at={hlcMs(sibling.hlc)} /> (
        <Ago at={hlcMs(sibling.hlc)} />)
      </p>
      <p class="aside">
        version <code title={sibling.version}>{short(sibling.version, 6)}</code>
      </p>
    </div>
  );
}

function Conflict({
  conflict,
  resolved,
}: {
  readonly conflict: ConflictAnswer;
  readonly resolved: (key: string) => void;
}) {
  const id = useId();
  const { key, siblings } = conflict;
  const winner = siblings[0];
  const [version, setVersion] = useState<string | undefined>();
  const chosen = siblings.find((sibling) => sibling.version === version);
  const resolve = useAction<true>(async () => {
    if (chosen === undefined || winner === undefined) return undefined;
    if ((await askToken('to resolve a conflict')) === undefined) return undefined;
    // The write is refused when the winner has changed, so a write that the user has not seen is not replaced.
    const unchanged = { ifMatch: winner.version };
    await (chosen.deleted || chosen.value === undefined
      ? api.deleteEntry(key, unchanged)
      : api.putEntry(key, chosen.value, unchanged));
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
          <code class="wrap">{key}</code>
        </h2>
        <a href={linkTo('state', { key })}>Entry and proof</a>
      </div>
      <fieldset>
        <legend>{plural(siblings.length, 'value')} written without knowledge of each other</legend>
        <div class="siblings">
          {siblings.map((sibling, i) => (
            <Sibling
              key={sibling.version}
              sibling={sibling}
              winner={i === 0}
              group={id}
              chosen={sibling.version === version}
              choose={() => setVersion(sibling.version)}
            />
          ))}
        </div>
      </fieldset>
      <div class="buttons">
        <button type="button" class="primary" disabled={chosen === undefined || resolve.busy} onClick={resolve.run}>
          {resolve.busy ? 'Writing…' : 'Resolve with the chosen one'}
        </button>
        <span class="aside">Writes a new version, signed by this node, that replaces all of them on every node.</span>
      </div>
      {changed && (
        <Note tone="warn" title="Somebody wrote in the meantime.">
          <p>Nothing was changed. Read the conflicts again and choose anew.</p>
        </Note>
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
          {total === 0 ? 'No open conflict.' : `${plural(total, 'open conflict')}.`} The first value of each is what
          readers see until somebody decides.
        </span>
        <button type="button" class="quiet" onClick={page.reload}>
          Read again
        </button>
      </div>
      {done.map((key) => (
        <Note key={key} tone="ok">
          <p>
            Resolved: <code class="wrap">{key}</code>
          </p>
        </Note>
      ))}
      <Show of={page} what="the conflicts">
        {(data) => (
          <>
            {data.conflicts.length === 0 && (
              <Card>
                <Empty>Nothing to decide: every key has one value.</Empty>
              </Card>
            )}
            {data.conflicts.map((conflict) => (
              <Conflict
                key={`${conflict.key} ${conflict.siblings.map((s) => s.version).join(' ')}`}
                conflict={conflict}
                resolved={onResolved}
              />
            ))}
            {(cursors.length > 0 || data.cursor !== undefined) && (
              <nav class="pager" aria-label="Pages">
                <button
                  type="button"
                  disabled={cursors.length === 0}
                  onClick={() => setCursors((old) => old.slice(0, -1))}
                >
                  Previous
                </button>
                <button
                  type="button"
                  disabled={data.cursor === undefined}
                  onClick={() => {
                    if (data.cursor !== undefined) setCursors([...cursors, data.cursor]);
                  }}
                >
                  Next
                </button>
              </nav>
            )}
          </>
        )}
      </Show>
    </>
  );
}
