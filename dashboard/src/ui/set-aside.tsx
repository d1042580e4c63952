import { useState } from 'preact/hooks';
import type { Aside, Recovered } from '../../../src/client/index.ts';
import { useAction } from '../lib/action.ts';
import { api } from '../lib/api.ts';
import { askToken } from '../lib/auth.ts';
import { plural } from '../lib/format.ts';
import { announcement, refresh } from '../lib/live.ts';
import { useResource } from '../lib/resource.ts';
import { linkTo } from '../lib/router.ts';
import { Pager } from './pager.tsx';
import { Badge, Card, Empty, KeyText, NodeName, Note, Problem, Show, sentence, type Tone, When } from './parts.tsx';

const EVERY_MS = 10_000;
const PAGE = 25;
/** Characters of a value that the list shows. */
const SHOWN_VALUE = 200;

/** What an operation is to the present value of its key. */
const STANDINGS: Readonly<Record<Aside['standing'], readonly [Tone, string]>> = {
  missing: ['warn', 'the key has no value'],
  older: ['warn', 'the key has an older value'],
  newer: ['info', 'the key was written later'],
  same: ['mute', 'the key shows the same'],
  ended: ['mute', 'its end has come'],
  replaced: ['mute', 'a later one is set aside too'],
};

type Deed = 'write' | 'overwrite' | 'forget';

const QUESTIONS: Readonly<Record<Deed, string>> = {
  write: 'This node writes it anew, signed by its own key, and every other node takes it.',
  overwrite: 'This node writes it anew in place of what the key shows at present, on every node.',
  forget: 'It is given up for good. No other node has it any more.',
};
const BUTTONS: Readonly<Record<Deed, string>> = {
  write: 'Write anew',
  overwrite: 'Write over the present value',
  forget: 'Forget',
};

const wishOf = (deed: Deed): { readonly overwrite?: true; readonly forget?: true } =>
  deed === 'overwrite' ? { overwrite: true } : deed === 'forget' ? { forget: true } : {};

/** Does it for one key, or for all of them: so many at a time as one request takes, each behind the one before. */
async function carryOut(deed: Deed, key: string | undefined): Promise<Recovered> {
  if (key !== undefined) return await api.recoverAside({ keys: [key], ...wishOf(deed) });
  const done: Recovered = { written: [], passedOver: [], forgotten: 0 };
  let cursor: string | undefined;
  do {
    const page: Recovered = await api.recoverAside({
      all: true,
      ...wishOf(deed),
      ...(cursor === undefined ? {} : { cursor }),
    });
    done.written.push(...page.written);
    done.passedOver.push(...page.passedOver);
    done.forgotten += page.forgotten;
    ({ cursor } = page);
  } while (cursor !== undefined);
  return done;
}

function outcomeOf({ written, passedOver, forgotten }: Recovered): string {
  const newer = passedOver.filter(({ standing }) => standing === 'newer').length;
  return [
    ...(written.length > 0 ? [`${plural(written.length, 'key')} written anew`] : []),
    ...(newer > 0 ? [`${plural(newer, 'key')} left as it is, because it was written later`] : []),
    ...(written.length + newer === 0 ? [`${plural(forgotten, 'operation')} forgotten`] : []),
  ].join('; ');
}

/** The buttons for one key or for all. Each asks first, because nothing takes back what it does. */
function Deeds(props: {
  readonly deeds: readonly Deed[];
  /** Undefined: all keys. */
  readonly of: string | undefined;
  readonly done: (outcome: string) => void;
}) {
  const { deeds, of } = props;
  const [asked, setAsked] = useState<Deed | undefined>();
  const act = useAction(async () => {
    if (asked === undefined || (await askToken('to act on what was set aside')) === undefined) return undefined;
    const outcome = outcomeOf(await carryOut(asked, of));
    announcement.value = outcome;
    setAsked(undefined);
    refresh();
    props.done(outcome);
    return true;
  }, false);
  if (asked === undefined)
    return (
      <div class="buttons">
        {deeds.map((deed) => (
          <button
            key={deed}
            type="button"
            class="small"
            aria-label={of === undefined ? `${BUTTONS[deed]}: all keys` : `${BUTTONS[deed]}: ${of}`}
            onClick={() => setAsked(deed)}
          >
            {of === undefined ? `${BUTTONS[deed]}: all keys` : BUTTONS[deed]}
          </button>
        ))}
      </div>
    );
  return (
    <form
      class="ask"
      aria-label={BUTTONS[asked]}
      onSubmit={(event) => {
        event.preventDefault();
        act.run();
      }}
    >
      <p>
        {QUESTIONS[asked]}
        {of === undefined && asked === 'write' && ' Keys that were written later stay as they are.'}
      </p>
      <div class="buttons">
        <button type="submit" class={asked === 'write' ? 'primary' : 'danger'} disabled={act.busy}>
          {act.busy ? 'At work…' : `Yes: ${BUTTONS[asked].toLowerCase()}`}
        </button>
        <button type="button" onClick={() => setAsked(undefined)}>
          Cancel
        </button>
      </div>
      {act.problem !== undefined && <Problem problem={act.problem} />}
    </form>
  );
}

/** One operation. What is done is done to its key, so only the newest of a key has the buttons. */
function Item(props: { readonly item: Aside; readonly first: boolean; readonly done: (outcome: string) => void }) {
  const { key, deleted, value, author, at, text, standing } = props.item;
  const [tone, words] = STANDINGS[standing] ?? ['mute', standing];
  const shown = JSON.stringify(value) ?? '';
  return (
    <li>
      <p>
        <a href={linkTo('state', { key })}>
          <KeyText text={key} />
        </a>{' '}
        <Badge tone={tone}>{words}</Badge>
      </p>
      <p>
        {deleted ? (
          <span class="aside">deleted</span>
        ) : (
          <code class="wrap">{shown.length > SHOWN_VALUE ? `${shown.slice(0, SHOWN_VALUE)}…` : shown}</code>
        )}
      </p>
      <p class="aside">
        by <NodeName id={author} />, <When at={at} />. {sentence(text)}
      </p>
      {props.first && (
        <Deeds deeds={[standing === 'newer' ? 'overwrite' : 'write', 'forget']} of={key} done={props.done} />
      )}
    </li>
  );
}

/** What was taken out of the state, because it came too late for the floor (SPEC FL8, FL9), and what to do with it. */
export function SetAsideCard() {
  const [cursors, setCursors] = useState<readonly string[]>([]);
  const [outcome, setOutcome] = useState<string | undefined>();
  const cursor = cursors.at(-1);
  const page = useResource(
    `aside ${cursor}`,
    (call) => api.listAside({ limit: PAGE, ...(cursor === undefined ? {} : { cursor }), ...call }),
    { everyMs: EVERY_MS, optional: true },
  );
  const done = (text: string): void => {
    setOutcome(text);
    setCursors([]);
    page.reload();
  };
  return (
    <Card title="Set aside">
      {outcome !== undefined && (
        <Note tone="ok">
          <p>{sentence(outcome)}</p>
        </Note>
      )}
      <Show of={page} what="what was set aside">
        {({ items, cursor: next }) =>
          items.length === 0 && cursors.length === 0 ? (
            <Empty>Nothing is set aside: every write that came here is in the state.</Empty>
          ) : (
            <>
              <p>
                These operations came too late for what all writers had agreed on, or other writers refuse them. Readers
                see nothing of them.
              </p>
              {(items.length > 1 || cursors.length > 0) && (
                <Deeds deeds={['write', 'forget']} of={undefined} done={done} />
              )}
              <ul class="rows stacked" aria-label="What was set aside">
                {items.map((item, i) => (
                  <Item
                    key={`${item.key} ${item.version}`}
                    item={item}
                    first={items[i - 1]?.key !== item.key}
                    done={done}
                  />
                ))}
              </ul>
              <Pager cursors={cursors} next={next} go={setCursors} label="Pages of what was set aside" />
            </>
          )
        }
      </Show>
    </Card>
  );
}
