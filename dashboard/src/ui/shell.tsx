import { signal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { question, signOut, token } from '../lib/auth.ts';
import { duration } from '../lib/format.ts';
import { announcement, link, refresh, status, tick, verdict } from '../lib/live.ts';
import { linkTo, TITLES, VIEWS, view } from '../lib/router.ts';
import { Badge, type Tone } from './parts.tsx';

type Theme = 'auto' | 'light' | 'dark';
const NEXT_THEME: Readonly<Record<Theme, Theme>> = { auto: 'light', light: 'dark', dark: 'auto' };

/** The theme of this tab. Like everything that the user sets, it is not stored. */
export const theme = signal<Theme>('auto');

const VERDICT_TONE: Readonly<Record<string, Tone>> = { converged: 'ok', different: 'bad', unknown: 'warn' };

export const verdictTone = (kind: string | undefined): Tone => VERDICT_TONE[kind ?? ''] ?? 'mute';

function ThemeButton() {
  useEffect(() => {
    document.documentElement.dataset['theme'] = theme.value;
  }, [theme.value]);
  return (
    <button type="button" class="small quiet" onClick={() => (theme.value = NEXT_THEME[theme.value])}>
      Theme: {theme}
    </button>
  );
}

export function Header() {
  const told = status.value;
  const now = verdict.value;
  return (
    <header class="top">
      <div class="brand">
        <svg class="mark" viewBox="0 0 32 32" aria-hidden="true">
          <path d="M16 7 7 23h18z" />
          <circle cx="16" cy="7.5" r="4" />
          <circle cx="7" cy="23" r="4" />
          <circle cx="25" cy="23" r="4" />
        </svg>
        <span class="names">
          <span class="node-name">{told?.name ?? 'Lattice node'}</span>
          {told !== undefined && <span class="network">{told.network}</span>}
        </span>
      </div>
      <div class="top-state">
        {now !== undefined && <Badge tone={verdictTone(now.kind)}>{now.title}</Badge>}
        <LinkState />
        {token.value !== undefined && (
          <button type="button" class="small quiet" onClick={signOut}>
            Forget token
          </button>
        )}
        <ThemeButton />
      </div>
    </header>
  );
}

function LinkState() {
  const now = link.value;
  if (now.kind === 'connecting') return <Badge tone="mute">Connecting</Badge>;
  if (now.kind === 'live') return <Badge tone="info">Live</Badge>;
  return <Badge tone="bad">Disconnected</Badge>;
}

export function Nav() {
  const conflicts = status.value?.conflicts ?? 0;
  return (
    <nav class="side" aria-label="Views">
      <ul>
        {VIEWS.map((name) => (
          <li key={name}>
            <a href={linkTo(name)} aria-current={view.value === name ? 'page' : undefined}>
              {TITLES[name]}
              {name === 'conflicts' && conflicts > 0 && (
                <span class="count">
                  {conflicts}
                  <span class="unseen"> open</span>
                </span>
              )}
            </a>
          </li>
        ))}
      </ul>
    </nav>
  );
}

/** Says that the node does not answer, for how long, and how old the shown data is. */
export function LostBanner() {
  const now = link.value;
  if (now.kind !== 'lost') return null;
  const age = now.lastAt === undefined ? undefined : duration(Math.max(0, tick.value - now.lastAt));
  return (
    <div class="banner" role="alert">
      <strong>Disconnected.</strong>{' '}
      <span>
        {age === undefined
          ? 'The node does not answer, and has not since this page was opened.'
          : `The node does not answer. What is shown is ${age} old.`}{' '}
        Trying again by itself.
      </span>{' '}
      <button type="button" class="small" onClick={refresh}>
        Try now
      </button>
    </div>
  );
}

export function LiveRegion() {
  return (
    <div class="unseen" role="status" aria-live="polite">
      {announcement}
    </div>
  );
}

/** Asks for the token. The browser's dialog element keeps the focus inside and gives it back when it closes. */
export function TokenDialog() {
  const asked = question.value;
  const dialog = useRef<HTMLDialogElement>(null);
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (asked === undefined) {
      dialog.current?.close();
      return;
    }
    dialog.current?.showModal();
    input.current?.focus();
  }, [asked]);
  const onSubmit = (event: SubmitEvent): void => {
    event.preventDefault();
    const given = input.current?.value.trim() ?? '';
    if (input.current !== null) input.current.value = '';
    if (given !== '') asked?.answer(given);
  };
  return (
    <dialog ref={dialog} aria-labelledby="token-title" onClose={() => question.peek()?.answer(undefined)}>
      <form onSubmit={onSubmit}>
        <h2 id="token-title">API token</h2>
        <p>
          The node wants its token {asked?.why ?? 'for this'}. It stays in the memory of this tab and goes with it;
          nothing stores it.
        </p>
        {asked?.wrong === true && (
          <p class="error-text" role="alert">
            The node did not take the last token.
          </p>
        )}
        <label for="token">DIOTEC360_API_TOKEN of this node</label>
        <input id="token" ref={input} type="password" autocomplete="off" spellcheck={false} required />
        <div class="buttons">
          <button type="submit" class="primary">
            Use it
          </button>
          <button type="button" onClick={() => asked?.answer(undefined)}>
            Cancel
          </button>
        </div>
      </form>
    </dialog>
  );
}
