import { computed, signal } from '@preact/signals';

export const VIEWS = ['overview', 'fleet', 'members', 'sync', 'state', 'vault', 'conflicts', 'log', 'node'] as const;
export type View = (typeof VIEWS)[number];

export const TITLES: Readonly<Record<View, string>> = {
  overview: 'Overview',
  fleet: 'Fleet',
  members: 'Members',
  sync: 'Sync',
  state: 'State',
  vault: 'Vault',
  conflicts: 'Conflicts',
  log: 'Live log',
  node: 'Node',
};

const hash = signal(location.hash);
addEventListener('hashchange', () => {
  hash.value = location.hash;
});

const parts = computed(() => /^#\/([a-z]*)(?:\?(.*))?$/.exec(hash.value));

export const view = computed<View>(() => VIEWS.find((name) => name === parts.value?.[1]) ?? 'overview');
export const parameters = computed(() => new URLSearchParams(parts.value?.[2] ?? ''));

/** The address of a view, such as `#/state?prefix=a`. Empty parameters are left out. */
export function linkTo(name: View, values: Readonly<Record<string, string | undefined>> = {}): string {
  const given = new URLSearchParams(
    Object.entries(values).flatMap(([key, value]) => (value === undefined || value === '' ? [] : [[key, value]])),
  );
  return given.size === 0 ? `#/${name}` : `#/${name}?${given}`;
}
