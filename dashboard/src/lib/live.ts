import { batch, computed, signal } from '@preact/signals';
import { LatticeProblem } from '../../../src/client/index.ts';
import { createBackoff } from '../../../src/client/retry.ts';
import { api } from './api.ts';
import { token } from './auth.ts';
import type { Peer, Status, Verdict } from './types.ts';
import { VERDICT_WORDS } from './verdict-words.ts';

/** Time between two looks (readings of the node's status) while nothing happens, and the least time between two. */
const LOOK_EVERY_MS = 2000;
const LOOK_APART_MS = 1000;
/** Events within this time count as one. */
const STIR_APART_MS = 250;
/** The events that cause a look. Changes of single keys are left out, because their batch has an event too. */
const STIRRING: ReadonlySet<string> = new Set(['batch', 'transition', 'repair', 'progress', 'cut', 'reset']);

/** Whether the node answers this page. Times are those of the browser's clock, Unix ms. */
export type Link =
  | { readonly kind: 'connecting' }
  | { readonly kind: 'live'; readonly at: number }
  /** It answers, and reading needs a token that this tab does not have. */
  | { readonly kind: 'locked' }
  | {
      readonly kind: 'lost';
      readonly since: number;
      readonly lastAt: number | undefined;
      /** What it says where the node answers with an error; undefined where nothing answers. */
      readonly answer: string | undefined;
    };

export const link = signal<Link>({ kind: 'connecting' });
export const status = signal<Status | undefined>(undefined);
export const peers = signal<readonly Peer[]>([]);
/** The browser's time, Unix ms. It changes once a second while the tab is visible. */
export const tick = signal(Date.now());
/** The node's clock minus the browser's, ms. */
const skew = signal(0);
/** The present time by the node's clock, with which times that the node tells are compared. */
export const nodeNow = computed(() => tick.value + skew.value);
/** Counts how often the node answered again after it was lost. What is shown is then read again. */
export const comebacks = signal(0);
/** Counts the announcements of the event stream: repairs, transitions, batches. */
export const stirs = signal(0);
/** The text that a screen reader reads out next. */
export const announcement = signal('');

export const lost = computed(() => link.value.kind === 'lost');
export const verdict = computed<Verdict | undefined>(() => status.value?.verdict);
/** The verdict in one word. That the node does not answer is the only thing that the page judges by itself. */
export const headline = computed(() =>
  link.value.kind === 'locked'
    ? 'SIGN IN'
    : lost.value
      ? 'NO ANSWER'
      : verdict.value === undefined
        ? undefined
        : VERDICT_WORDS[verdict.value.kind].title,
);

let timer: number | undefined;
let looking = false;
let wanted = false;
let lookedAt = 0;
const backoff = createBackoff();
let events: AbortController | undefined;

function schedule(ms: number): void {
  clearTimeout(timer);
  timer = document.hidden ? undefined : window.setTimeout(() => void look(), ms);
}

/** Has the page look soon after an event, but at most once a second. */
function stir(): void {
  stirs.value++;
  if (looking) {
    wanted = true;
    return;
  }
  if (link.peek().kind === 'live') schedule(Math.max(0, lookedAt + LOOK_APART_MS - Date.now()));
}

/** Looks at the node at once, after an action of the user. */
export function refresh(): void {
  if (looking) wanted = true;
  else schedule(0);
}

/** What a verdict is about. It changes when there is news to read out, and not with every count in the sentence. */
const causeOf = (said: Verdict | undefined): string =>
  [said?.kind, ...(said?.reasons ?? []).map(({ code, author }) => `${code} ${author ?? ''}`)].join();

async function look(): Promise<void> {
  if (looking) return;
  looking = true;
  wanted = false;
  lookedAt = Date.now();
  try {
    const [told, toldPeers] = await Promise.all([api.getStatus(), api.listPeers()]);
    const before = { link: link.peek(), cause: causeOf(verdict.peek()), startedAt: status.peek()?.startedAt };
    batch(() => {
      status.value = told;
      peers.value = toldPeers;
      skew.value = told.now - Date.now();
      tick.value = Date.now();
      link.value = { kind: 'live', at: Date.now() };
      if (before.link.kind === 'lost') comebacks.value++;
    });
    backoff.reset();
    openEvents();
    const { sentence } = told.verdict;
    if (before.link.kind === 'lost') announcement.value = `The node answers again. ${sentence}`;
    else if (before.startedAt !== undefined && before.startedAt !== told.startedAt)
      announcement.value = 'The node was restarted.';
    else if (causeOf(told.verdict) !== before.cause) announcement.value = `${headline.peek() ?? ''}. ${sentence}`;
    schedule(wanted ? LOOK_APART_MS : LOOK_EVERY_MS);
  } catch (error) {
    const before = link.peek();
    closeEvents();
    if (error instanceof LatticeProblem && error.status === 401) return lock();
    if (before.kind !== 'lost') {
      link.value = {
        kind: 'lost',
        since: Date.now(),
        lastAt: before.kind === 'live' ? before.at : undefined,
        answer: error instanceof LatticeProblem ? error.message : undefined,
      };
      announcement.value = 'The node does not answer. Trying to reach it again.';
    }
    schedule(backoff.next(error));
  } finally {
    looking = false;
  }
}

/** Shows nothing more until somebody signs in. The node is not asked meanwhile, because each refusal counts as a guess. */
function lock(): void {
  if (link.peek().kind !== 'locked') announcement.value = 'Reading this node needs a token. Sign in to see it.';
  batch(() => {
    link.value = { kind: 'locked' };
    status.value = undefined;
    peers.value = [];
  });
  // A token was given while this look was under way.
  if (wanted) schedule(0);
}

/**
 * Opens the event stream. Its events only say when to look; what is shown is what the node answers to the look. The
 * stream resumes by itself while looks succeed. A look that fails closes it, and the next one that succeeds opens it
 * again, so that a node that does not answer is not asked in two ways. When the node refuses the stream, looks go on by
 * time alone.
 */
function openEvents(): void {
  if (events !== undefined || document.hidden) return;
  const leave = new AbortController();
  events = leave;
  let due = false;
  const onEvent = (): void => {
    // A busy node sends many events at once. One look serves them all.
    if (due) return;
    due = true;
    setTimeout(() => {
      due = false;
      stir();
    }, STIR_APART_MS);
  };
  const listen = async (): Promise<void> => {
    for await (const { event } of api.follow('/api/v1/events', { signal: leave.signal }))
      if (STIRRING.has(event)) onEvent();
  };
  listen().catch(() => undefined);
}

function closeEvents(): void {
  events?.abort();
  events = undefined;
}

function onVisibility(): void {
  if (document.hidden) {
    clearTimeout(timer);
    closeEvents();
  } else {
    tick.value = Date.now();
    refresh();
  }
}

/** Starts the looks. A hidden tab makes none and keeps no connection. */
export function startLooking(): void {
  document.addEventListener('visibilitychange', onVisibility);
  addEventListener('online', refresh);
  token.subscribe((given) => {
    if (given !== undefined && link.peek().kind === 'locked') refresh();
  });
  window.setInterval(() => {
    if (!document.hidden) tick.value = Date.now();
  }, 1000);
  void look();
}
