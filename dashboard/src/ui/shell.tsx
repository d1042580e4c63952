import { signal } from '@preact/signals';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { LatticeError } from '../../../src/client/index.ts';
import { asProblem, checkToken } from '../lib/api.ts';
import { askToken, question, signOut, token } from '../lib/auth.ts';
import { duration, plural } from '../lib/format.ts';
import { announcement, headline, link, lost, refresh, status, tick, verdict } from '../lib/live.ts';
import { linkTo, TITLES, VIEWS, type View, view } from '../lib/router.ts';
import { VERDICT_WORDS, warningsBeside } from '../lib/verdict-words.ts';
import { Badge, sentence } from './parts.tsx';

type Theme = 'auto' | 'light' | 'dark';
const NEXT_THEME: Readonly<Record<Theme, Theme>> = { auto: 'light', light: 'dark', dark: 'auto' };

/** The theme of this tab. Like everything that the user sets, it is not stored. */
export const theme = signal<Theme>('auto');

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
  const warnings = told === undefined || lost.value ? 0 : warningsBeside(told).length;
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
        {now !== undefined && <Badge tone={lost.value ? 'warn' : VERDICT_WORDS[now.kind].tone}>{headline.value}</Badge>}
        {warnings > 0 && (
          <a href={linkTo('overview')}>
            <Badge tone="warn">{plural(warnings, 'warning')}</Badge>
          </a>
        )}
        <LinkState />
        {token.value === undefined ? (
          <button
            type="button"
            class="small"
            onClick={() => void askToken(link.value.kind === 'locked' ? 'to read this node' : 'to change something')}
          >
            Sign in
          </button>
        ) : (
          <>
            <Badge tone="info">Signed in</Badge>
            <button type="button" class="small quiet" onClick={signOut}>
              Sign out
            </button>
          </>
        )}
        <ThemeButton />
      </div>
    </header>
  );
}

function LinkState() {
  const now = link.value;
  if (now.kind === 'connecting') return <Badge tone="mute">Connecting</Badge>;
  if (now.kind === 'locked') return <Badge tone="warn">Sign-in needed</Badge>;
  if (now.kind === 'live') return <Badge tone="info">Live</Badge>;
  return <Badge tone="bad">Disconnected</Badge>;
}

export function Nav() {
  const { conflicts = 0, trust, floor } = status.value ?? {};
  /** What waits for somebody's decision, by the view where that is taken. */
  const waiting: Readonly<Partial<Record<View, number>>> = {
    conflicts,
    members: (trust?.changes ?? 0) + (floor?.collection.setAside ?? 0),
  };
  return (
    <nav class="side" aria-label="Views">
      <ul>
        {VIEWS.map((name) => (
          <li key={name}>
            <a href={linkTo(name)} aria-current={view.value === name ? 'page' : undefined}>
              {TITLES[name]}
              {(waiting[name] ?? 0) > 0 && (
                <span class="count">
                  {waiting[name]}
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
        {now.answer === undefined ? 'The node does not answer.' : `The node answers with an error: ${now.answer}.`}{' '}
        {age === undefined ? 'It has not answered since this page was opened.' : `What is shown is ${age} old.`} The
        page tries again by itself.
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

/** What came of the last token that was typed into the dialog. */
type Tried =
  | { readonly state: 'idle' }
  | { readonly state: 'checking' }
  | { readonly state: 'failed'; readonly problem: LatticeError };

/**
 * Asks for the token, and has the node check it before it is used. The browser's dialog element keeps the focus inside
 * and gives it back when it closes.
 */
export function TokenDialog() {
  const asked = question.value;
  const dialog = useRef<HTMLDialogElement>(null);
  const input = useRef<HTMLInputElement>(null);
  const [tried, setTried] = useState<Tried>({ state: 'idle' });
  useEffect(() => {
    setTried({ state: 'idle' });
    if (input.current !== null) input.current.value = '';
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
    if (given === '' || asked === undefined || tried.state === 'checking') return;
    setTried({ state: 'checking' });
    checkToken(given).then(
      () => {
        if (question.peek() === asked) asked.answer(given);
      },
      (error: unknown) => {
        if (question.peek() !== asked) return;
        setTried({ state: 'failed', problem: asProblem(error) });
        input.current?.select();
      },
    );
  };
  const checking = tried.state === 'checking';
  return (
    <dialog ref={dialog} aria-labelledby="token-title" onClose={() => question.peek()?.answer(undefined)}>
      <form onSubmit={onSubmit}>
        <h2 id="token-title">Sign in</h2>
        <p>
          Sign in {asked?.why ?? ''} with the node's API token, or with one that its operator made. This tab keeps it in
          memory until it is closed or you sign out; it is stored nowhere.
        </p>
        <label for="token">Token of this node (DIOTEC360_API_TOKEN)</label>
        <input
          id="token"
          ref={input}
          type="password"
          autocomplete="off"
          spellcheck={false}
          required
          aria-invalid={tried.state === 'failed'}
          aria-describedby="token-problem"
        />
        <div id="token-problem" role="alert">
          {tried.state === 'failed' ? (
            <p class="error-text">
              <span aria-hidden="true">✕ </span>
              {tried.problem.code === 'unauthorized'
                ? `The node refuses it: ${tried.problem.message}.`
                : `${sentence(tried.problem.message)} ${tried.problem.next === undefined ? '' : `Next: ${tried.problem.next}`}`}
            </p>
          ) : (
            asked?.refused === true && <p class="error-text">The node refused the token that was used so far.</p>
          )}
        </div>
        <div class="buttons">
          <button type="submit" class="primary" disabled={checking}>
            {checking ? 'Checking…' : 'Sign in'}
          </button>
          <button type="button" onClick={() => asked?.answer(undefined)}>
            Cancel
          </button>
        </div>
      </form>
    </dialog>
  );
}
