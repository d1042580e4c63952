import { useSignalEffect } from '@preact/signals';
import type { ComponentType } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { askToken } from './lib/auth.ts';
import { headline, link, lost, status } from './lib/live.ts';
import { parameters, TITLES, type View, view } from './lib/router.ts';
import { Loading } from './ui/parts.tsx';
import { Header, LiveRegion, LostBanner, Nav, TokenDialog } from './ui/shell.tsx';
import { Conflicts } from './views/conflicts.tsx';
import { FleetView } from './views/fleet.tsx';
import { LogView } from './views/log.tsx';
import { MembersView } from './views/members.tsx';
import { NodeView } from './views/node.tsx';
import { Overview } from './views/overview.tsx';
import { StateView } from './views/state.tsx';
import { Sync } from './views/sync.tsx';
import { VaultView } from './views/vault.tsx';

const COMPONENTS: Readonly<Record<View, ComponentType>> = {
  overview: Overview,
  fleet: FleetView,
  members: MembersView,
  sync: Sync,
  state: StateView,
  vault: VaultView,
  conflicts: Conflicts,
  log: LogView,
  node: NodeView,
};

export function App() {
  const main = useRef<HTMLElement>(null);
  const heading = useRef<HTMLHeadingElement>(null);
  const name = view.value;
  /** What the page shows: each node has a page of its own. */
  const place = name === 'node' ? `node ${parameters.value.get('id') ?? ''}` : name;
  const shown = useRef(place);
  const Shown = COMPONENTS[name];

  useEffect(() => {
    if (shown.current === place) return;
    // When the page changes, the focus goes to its heading, where users of a keyboard or a screen reader start.
    shown.current = place;
    scrollTo(0, 0);
    heading.current?.focus({ preventScroll: true });
  }, [place]);
  useSignalEffect(() => {
    const who = status.value?.name ?? 'Lattice node';
    document.title = `${headline.value ?? 'Connecting'} · ${who} · ${TITLES[view.value]}`;
  });

  return (
    <div class="page">
      <a
        class="skip"
        href="#main"
        onClick={(event) => {
          // The fragment of the address names the view, so a link cannot move the focus; this does.
          event.preventDefault();
          main.current?.focus();
        }}
      >
        Skip to content
      </a>
      <Header />
      <LostBanner />
      <div class="columns">
        <Nav />
        <main id="main" tabIndex={-1} ref={main} class={lost.value ? 'stale' : ''}>
          <h1 tabIndex={-1} ref={heading}>
            {TITLES[name]}
          </h1>
          {status.value === undefined ? <Waiting /> : <Shown key={name} />}
        </main>
      </div>
      <LiveRegion />
      <TokenDialog />
    </div>
  );
}

/** What is shown before the first answer of the node. */
function Waiting() {
  if (link.value.kind === 'locked')
    return (
      <div class="empty">
        <p>Reading this node needs a token. Sign in to see its state.</p>
        <button type="button" onClick={() => void askToken('to read this node')}>
          Sign in
        </button>
      </div>
    );
  return link.value.kind === 'lost' ? (
    <p class="empty">Nothing to show until the node answers.</p>
  ) : (
    <Loading what="the node's state" />
  );
}
