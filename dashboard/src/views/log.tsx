import { useEffect, useRef, useState } from 'preact/hooks';
import type { LogLevel } from '../../../src/client/index.ts';
import { askToken, token } from '../lib/auth.ts';
import { clockTime, count, dateTime, plural } from '../lib/format.ts';
import { followLog, type LogFollower, type LogItem, MAX_LINES } from '../lib/log-stream.ts';
import type { LogLine } from '../lib/types.ts';
import { Card, Empty, Loading, Note, Problem } from '../ui/parts.tsx';

const LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];
/** Height of a row in CSS pixels, as the style sheet sets it. From it the list computes which rows are in sight. */
const ROW_PX = 24;
const SPARE_ROWS = 10;

const msOf = (line: LogLine): number => Date.parse(line.time);

const fieldsOf = ({
  id: _id,
  time: _time,
  level: _level,
  component: _component,
  msg: _msg,
  ...fields
}: LogLine): Record<string, unknown> => fields;

const textOf = (line: LogLine): string => {
  const fields = Object.entries(fieldsOf(line)).map(
    ([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  );
  return [line.msg, ...fields].join(' ');
};

function Row({
  item,
  chosen,
  choose,
}: {
  readonly item: LogItem;
  readonly chosen: boolean;
  readonly choose: () => void;
}) {
  if (item.kind === 'gap') {
    return (
      <div class="log-row gap" role="listitem">
        {plural(item.dropped, 'line')} missing here
      </div>
    );
  }
  const { line } = item;
  return (
    <div class={`log-row ${line.level} ${chosen ? 'chosen' : ''}`} role="listitem">
      <button type="button" aria-pressed={chosen} onClick={choose}>
        <span class="log-time">{clockTime(msOf(line))}</span>
        <span class="log-level">{line.level}</span>
        <span class="log-part">{line.component ?? ''}</span>
        <span class="log-text">{textOf(line)}</span>
      </button>
    </div>
  );
}

/** Draws only the rows in sight, and follows the newest row until the user scrolls up. */
function Rows({
  items,
  chosen,
  choose,
}: {
  readonly items: readonly LogItem[];
  readonly chosen: number | undefined;
  readonly choose: (n: number) => void;
}) {
  const box = useRef<HTMLDivElement>(null);
  const follows = useRef(true);
  const [top, setTop] = useState(0);
  const [height, setHeight] = useState(480);
  useEffect(() => {
    const element = box.current;
    if (element === null) return undefined;
    const watch = new ResizeObserver(() => setHeight(element.clientHeight));
    watch.observe(element);
    return () => watch.disconnect();
  }, []);
  useEffect(() => {
    if (follows.current && box.current !== null) box.current.scrollTop = box.current.scrollHeight;
  }, [items]);
  const onScroll = (event: { readonly currentTarget: HTMLDivElement }): void => {
    const element = event.currentTarget;
    follows.current = element.scrollTop + element.clientHeight >= element.scrollHeight - ROW_PX;
    setTop(element.scrollTop);
  };
  const first = Math.max(0, Math.floor(top / ROW_PX) - SPARE_ROWS);
  const last = Math.min(items.length, Math.ceil((top + height) / ROW_PX) + SPARE_ROWS);
  return (
    <div class="log" ref={box} onScroll={onScroll} tabIndex={0} role="region" aria-label="Log lines">
      <div class="log-all" role="list" style={{ height: `${items.length * ROW_PX}px` }}>
        <div class="log-seen" style={{ transform: `translateY(${first * ROW_PX}px)` }}>
          {items.slice(first, last).map((item) => (
            <Row key={item.n} item={item} chosen={item.n === chosen} choose={() => choose(item.n)} />
          ))}
        </div>
      </div>
    </div>
  );
}

function Detail({ line }: { readonly line: LogLine }) {
  return (
    <Card title="Line" class="detail">
      <p>
        <strong>{line.level}</strong> {line.component ?? ''} <span class="aside">{dateTime(msOf(line))}</span>
      </p>
      <p class="wrap">{line.msg}</p>
      <pre class="value" tabIndex={0} aria-label="Fields">
        {JSON.stringify(fieldsOf(line), null, 2)}
      </pre>
    </Card>
  );
}

function Lines({ follower, filter }: { readonly follower: LogFollower; readonly filter: string }) {
  const [chosen, setChosen] = useState<number | undefined>();
  const all = follower.items.value;
  const wanted = filter.trim().toLowerCase();
  const items =
    wanted === ''
      ? all
      : all.filter(
          (item) =>
            item.kind === 'gap' ||
            `${item.line.level} ${item.line.component ?? ''} ${textOf(item.line)}`.toLowerCase().includes(wanted),
        );
  const state = follower.state.value;
  const picked = items.find((item) => item.n === chosen);
  if (state.kind === 'missing') return <Empty>Not available on this node: its version has no live log.</Empty>;
  return (
    <>
      {state.kind === 'retrying' && (
        <Note tone="warn">
          The log stream is interrupted: {state.problem.message}. The page tries again by itself and then reads what it
          missed.
        </Note>
      )}
      {state.kind === 'failed' && <Problem problem={state.problem} />}
      {state.kind === 'refused' && (
        <p>
          The node refused the token.{' '}
          <button type="button" onClick={() => void askToken('to read the log')}>
            Sign in
          </button>
        </p>
      )}
      {items.length === 0 && state.kind === 'connecting' && <Loading what="the log" />}
      {items.length === 0 && state.kind === 'open' && (
        <Empty>{all.length === 0 ? 'No line of this level yet.' : 'No line has this text.'}</Empty>
      )}
      {items.length > 0 && (
        <Rows items={items} chosen={chosen} choose={(n) => setChosen((old) => (old === n ? undefined : n))} />
      )}
      <p class="aside">
        {plural(items.filter((item) => item.kind === 'line').length, 'line')}
        {wanted === '' ? '' : ` of ${count(all.length)}`} shown; the newest {count(MAX_LINES)} are kept.
      </p>
      {picked?.kind === 'line' && <Detail line={picked.line} />}
    </>
  );
}

function Follow() {
  const [level, setLevel] = useState<LogLevel>('info');
  const [filter, setFilter] = useState('');
  const [paused, setPaused] = useState(false);
  const [follower, setFollower] = useState<LogFollower | undefined>();
  useEffect(() => {
    let current: LogFollower | undefined;
    // A hidden tab reads nothing. When it is seen again, it starts with the oldest line that the node still has.
    const onVisibility = (): void => {
      if (document.hidden) {
        current?.close();
        current = undefined;
      } else if (current === undefined) {
        current = followLog(level);
        setFollower(current);
      }
    };
    onVisibility();
    document.addEventListener('visibilitychange', onVisibility);
    setPaused(false);
    return () => {
      document.removeEventListener('visibilitychange', onVisibility);
      current?.close();
    };
  }, [level, token.value]);
  const toggle = (): void => {
    follower?.pause(!paused);
    setPaused(!paused);
  };
  return (
    <Card>
      <div class="bar">
        <button type="button" onClick={toggle} aria-pressed={paused}>
          {paused ? 'Resume' : 'Pause'}
        </button>
        <label for="log-level">Level</label>
        <select
          id="log-level"
          value={level}
          onChange={(event) => setLevel(LEVELS[event.currentTarget.selectedIndex] ?? level)}
        >
          {LEVELS.map((name) => (
            <option key={name} value={name}>
              {name === 'error' ? 'error' : `${name} and above`}
            </option>
          ))}
        </select>
        <label for="log-filter">Filter</label>
        <input
          id="log-filter"
          type="search"
          value={filter}
          placeholder="text in the line"
          onInput={(event) => setFilter(event.currentTarget.value)}
        />
        <button type="button" class="quiet" onClick={() => follower?.clear()}>
          Clear
        </button>
        {paused && follower !== undefined && (
          <span class="aside">{plural(follower.waiting.value, 'line')} waiting</span>
        )}
      </div>
      {follower === undefined ? <Loading what="the log" /> : <Lines follower={follower} filter={filter} />}
    </Card>
  );
}

export function LogView() {
  if (token.value === undefined) {
    return (
      <Card>
        <div class="empty">
          <p>Sign in with the API token of the node to read its log.</p>
          <button type="button" class="primary" onClick={() => void askToken('to read the log')}>
            Sign in
          </button>
        </div>
      </Card>
    );
  }
  return <Follow />;
}
