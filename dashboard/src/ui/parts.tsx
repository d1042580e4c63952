import { useComputed } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { LatticeError } from '../../../src/client/index.ts';
import { askToken } from '../lib/auth.ts';
import { labelOf, others } from '../lib/fleet.ts';
import { ago, dateTime, keyParts } from '../lib/format.ts';
import { announcement, nodeNow, status } from '../lib/live.ts';
import type { Resource } from '../lib/resource.ts';
import { linkTo } from '../lib/router.ts';
import type { Tone } from '../lib/verdict-words.ts';

export type { Tone } from '../lib/verdict-words.ts';

/** Each tone has a sign of its own, so that its meaning does not depend on the colour alone. */
const SIGNS: Readonly<Record<Tone, string>> = { ok: '✓', warn: '!', bad: '✕', info: 'i', mute: '–' };

export function Badge({ tone, children }: { readonly tone: Tone; readonly children: ComponentChildren }) {
  return (
    <span class={`badge ${tone}`}>
      <span class="sign" aria-hidden="true">
        {SIGNS[tone]}
      </span>
      <span>{children}</span>
    </span>
  );
}

export function Card(props: {
  readonly title?: string;
  readonly actions?: ComponentChildren;
  readonly class?: string;
  readonly children: ComponentChildren;
}) {
  return (
    <section class={`card ${props.class ?? ''}`}>
      {props.title !== undefined && (
        <div class="card-head">
          <h2>{props.title}</h2>
          {props.actions}
        </div>
      )}
      {props.children}
    </section>
  );
}

/** Shows a moment of the node's time as an age that grows with the clock. */
export function Ago({ at }: { readonly at: number }) {
  const text = useComputed(() => ago(nodeNow.value - at));
  return (
    <time dateTime={new Date(at).toISOString()} title={dateTime(at)}>
      {text}
    </time>
  );
}

export function When({ at }: { readonly at: number }) {
  // A signed time may be one that no calendar has.
  if (Number.isNaN(new Date(at).getTime())) return <span>{at} ms after 1970</span>;
  return <time dateTime={new Date(at).toISOString()}>{dateTime(at)}</time>;
}

/** A key as it is: no space of it is lost. `short` cuts it at the width of its place, and shows all of it on hover. */
export function KeyText({ text, short = false }: { readonly text: string; readonly short?: boolean }) {
  return (
    <code class={short ? 'key-text short' : 'key-text'} title={short ? text : undefined}>
      {keyParts(text).map((part, i) => (part.unseen ? <i key={i}>{part.text}</i> : part.text))}
    </code>
  );
}

/**
 * The name of a node by its author, peer id or URL, as a link to its page where it is a node of this fleet. The id is
 * shown on hover.
 */
export function NodeName({ id }: { readonly id: string }) {
  const self = status.value?.author === id || status.value?.peerId === id;
  const other = others.value.find(({ member, peer }) =>
    [member?.author, peer?.author, member?.peerId, peer?.peerId, member?.url, peer?.url].includes(id),
  );
  if (!self && other === undefined) return <code title={id}>{labelOf(id)}</code>;
  return (
    <a href={linkTo('node', { id: self ? undefined : other?.id })} title={id}>
      {labelOf(id)}
    </a>
  );
}

/**
 * Copies `text`. Where the browser does not let a page do that, as on plain HTTP, it selects the text instead and
 * resolves with false.
 */
async function copy(text: string, source: HTMLElement | null): Promise<boolean> {
  if (navigator.clipboard !== undefined) {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      // The browser does not permit it, so the text is selected.
    }
  }
  if (source === null) return false;
  getSelection()?.selectAllChildren(source);
  return false;
}

const TOLD_MS = 2000;

/** Shows a name or hash in full, with a button that copies it. */
export function Copyable({ text, label }: { readonly text: string; readonly label: string }) {
  const [told, setTold] = useState<string | undefined>();
  useEffect(() => {
    if (told === undefined) return undefined;
    const timer = setTimeout(() => setTold(undefined), TOLD_MS);
    return () => clearTimeout(timer);
  }, [told]);
  const onClick = (event: MouseEvent): void => {
    const source = (event.currentTarget as HTMLElement).previousElementSibling as HTMLElement | null;
    void copy(text, source).then((done) => {
      setTold(done ? 'Copied' : 'Selected');
      announcement.value = done ? `${label} copied` : `${label} selected: copy it with the keyboard`;
    });
  };
  return (
    <span class="copyable">
      <code class="wrap">{text}</code>
      <button type="button" class="small quiet" aria-label={`Copy ${label}`} onClick={onClick}>
        {told ?? 'Copy'}
      </button>
    </span>
  );
}

export function Note({
  tone = 'info',
  title,
  children,
}: {
  readonly tone?: Tone;
  readonly title?: string;
  readonly children?: ComponentChildren;
}) {
  return (
    <div class={`note ${tone}`}>
      <span class="sign" aria-hidden="true">
        {SIGNS[tone]}
      </span>
      <div>
        {title !== undefined && <strong>{title}</strong>}
        {children}
      </div>
    </div>
  );
}

export function Problem({ problem, retry }: { readonly problem: LatticeError; readonly retry?: () => void }) {
  return (
    <div role="alert">
      <Note tone="bad" title={sentence(problem.message)}>
        {problem.next !== undefined && <p>Next: {problem.next}</p>}
        {retry !== undefined && (
          <p>
            <button type="button" class="small" onClick={retry}>
              Try again
            </button>
          </p>
        )}
      </Note>
    </div>
  );
}

/** Makes a sentence of a text: it begins with a capital letter and ends with a full stop. */
export const sentence = (text: string): string => {
  const first = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(first) ? first : `${first}.`;
};

export function Empty({ children }: { readonly children: ComponentChildren }) {
  return <p class="empty">{children}</p>;
}

export function Loading({ what }: { readonly what: string }) {
  return (
    <p class="empty" role="status">
      <span class="spinner" aria-hidden="true" /> Reading {what}…
    </p>
  );
}

/** Shows what was read from the node, or why there is nothing to show. */
export function Show<T>(props: {
  readonly of: Resource<T>;
  /** What is read. It completes "Reading …" and "… is not available". */
  readonly what: string;
  readonly children: (data: T) => ComponentChildren;
}) {
  const { of, what } = props;
  switch (of.state) {
    case 'loading':
      return <Loading what={what} />;
    case 'missing':
      return <Empty>Not available on this node: its version does not tell {what}.</Empty>;
    case 'locked':
      return (
        <div class="empty">
          <p>Sign in with the API token of the node to see {what}.</p>
          <button type="button" onClick={() => void askToken(`to read ${what}`)}>
            Sign in
          </button>
        </div>
      );
    case 'failed':
      return <Problem problem={of.failure} retry={of.reload} />;
    case 'ready':
      return (
        <>
          {of.failure !== undefined && <Problem problem={of.failure} retry={of.reload} />}
          {props.children(of.data)}
        </>
      );
  }
}

/** A list of names and values. */
export function Facts({ items }: { readonly items: readonly (readonly [name: string, value: ComponentChildren])[] }) {
  return (
    <dl class="facts">
      {items.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

/** The row of heads of a table's columns. */
export function Heads({ of }: { readonly of: readonly string[] }) {
  return (
    <tr>
      {of.map((head) => (
        <th key={head} scope="col">
          {head}
        </th>
      ))}
    </tr>
  );
}
