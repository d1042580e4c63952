import { batch, computed, signal } from '@preact/signals';
import { apiUrl, asProblem, getJson } from './api.ts';
import type { Peer, Status } from './types.ts';
import { type Verdict, verdictOf } from './verdict.ts';

/** Between two looks while nothing happens, and the least between two looks whatever happens. */
const LOOK_EVERY_MS = 2000;
const LOOK_APART_MS = 1000;
/** Announcements within this time count as one. */
const STIR_APART_MS = 250;
/**
 * While the node is gone: doubled from the first to the second, with up to a fifth at random so that tabs don't come
 * back together.
 */
const RETRY_MS = 1000;
const MAX_RETRY_MS = 10_000;

/** How this page stands with its node. Times are of the browser's clock, in Unix ms. */
export type Link =
  | { readonly kind: 'connecting' }
  | { readonly kind: 'live'; readonly at: number }
  | { readonly kind: 'lost'; readonly since: number; readonly lastAt: number | undefined; readonly why: string };

export const link = signal<Link>({ kind: 'connecting' });
export const status = signal<Status | undefined>(undefined);
export const peers = signal<readonly Peer[]>([]);
/** The browser's time, once a second while the tab is seen. */
export const tick = signal(Date.now());
/** The node's clock less the browser's, in ms. */
const skew = signal(0);
/** The node's time now: what its times are compared with. */
export const nodeNow = computed(() => tick.value + skew.value);
/** Counts the times that the link came back: what was read before is read again. */
export const comebacks = signal(0);
/** Counts what the event stream announced: repairs, transitions, batches. */
export const stirs = signal(0);
/** What a screen reader is told next. */
export const announcement = signal('');

export const lost = computed(() => link.value.kind === 'lost');
export const verdict = computed<Verdict | undefined>(() =>
  status.value === undefined ? undefined : verdictOf(status.value, peers.value, lost.value),
);

let timer: number | undefined;
let looking = false;
let wanted = false;
let lookedAt = 0;
let retryMs = RETRY_MS;
let events: EventSource | undefined;

function schedule(ms: number): void {
  clearTimeout(timer);
  timer = document.hidden ? undefined : window.setTimeout(() => void look(), ms);
}

/** Something happened: look soon, but no more often than once a second. */
function stir(): void {
  stirs.value++;
  if (looking) {
    wanted = true;
    return;
  }
  if (link.peek().kind === 'live') schedule(Math.max(0, lookedAt + LOOK_APART_MS - Date.now()));
}

/** Looks at the node now: after an action of the reader. */
export function refresh(): void {
  if (looking) wanted = true;
  else schedule(0);
}

async function look(): Promise<void> {
  if (looking) return;
  looking = true;
  wanted = false;
  lookedAt = Date.now();
  try {
    const [told, { peers: toldPeers }] = await Promise.all([
      getJson<Status>('status'),
      getJson<{ peers: readonly Peer[] }>('peers'),
    ]);
    const before = { link: link.peek(), verdict: verdict.peek(), startedAt: status.peek()?.startedAt };
    batch(() => {
      status.value = told;
      peers.value = toldPeers;
      skew.value = told.now - Date.now();
      tick.value = Date.now();
      link.value = { kind: 'live', at: Date.now() };
      if (before.link.kind === 'lost') comebacks.value++;
    });
    retryMs = RETRY_MS;
    openEvents();
    const now = verdict.peek();
    if (before.link.kind === 'lost') announcement.value = `The node answers again. ${now?.title ?? ''}`;
    else if (before.startedAt !== undefined && before.startedAt !== told.startedAt)
      announcement.value = 'The node was restarted.';
    else if (now !== undefined && now.title !== before.verdict?.title)
      announcement.value = `${now.title}. ${now.summary}`;
    schedule(wanted ? LOOK_APART_MS : LOOK_EVERY_MS);
  } catch (error) {
    const before = link.peek();
    closeEvents();
    if (before.kind !== 'lost') {
      link.value = {
        kind: 'lost',
        since: Date.now(),
        lastAt: before.kind === 'live' ? before.at : undefined,
        why: asProblem(error).message,
      };
      announcement.value = 'The node does not answer any more. Trying to reach it again.';
    }
    schedule(retryMs * (1 + Math.random() / 5));
    retryMs = Math.min(2 * retryMs, MAX_RETRY_MS);
  } finally {
    looking = false;
  }
}

/**
 * The stream only says when to look: what is shown is what the node answers when asked. Changes of single keys are not
 * listened to.
 */
function openEvents(): void {
  if (events !== undefined || document.hidden) return;
  const source = new EventSource(apiUrl('events'));
  events = source;
  let due = false;
  const onEvent = (): void => {
    // A busy node tells many at once: one look serves them all, and no frame is drawn for one alone.
    if (due) return;
    due = true;
    setTimeout(() => {
      due = false;
      stir();
    }, STIR_APART_MS);
  };
  for (const type of ['batch', 'transition', 'repair', 'progress', 'cut', 'reset'])
    source.addEventListener(type, onEvent);
  source.addEventListener('error', () => {
    // Reopened by the next look that succeeds, so that a node that is gone is not knocked at twice.
    if (events === source) closeEvents();
  });
}

function closeEvents(): void {
  events?.close();
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

/** Starts looking. A hidden tab looks at nothing and keeps no connection. */
export function startLooking(): void {
  document.addEventListener('visibilitychange', onVisibility);
  addEventListener('online', refresh);
  window.setInterval(() => {
    if (!document.hidden) tick.value = Date.now();
  }, 1000);
  void look();
}
