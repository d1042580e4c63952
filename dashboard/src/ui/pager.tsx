import type { ComponentChildren } from 'preact';

/**
 * Leads through pages that are told apart by cursors. Where there is one page only it has no buttons, and without
 * `children`, which stand between them, it is not there.
 */
export function Pager({
  cursors,
  next,
  go,
  label = 'Pages',
  children,
}: {
  /** The cursors of the pages up to the present one; none for the first. */
  readonly cursors: readonly string[];
  /** The cursor of the page after it. */
  readonly next: string | undefined;
  readonly go: (cursors: readonly string[]) => void;
  readonly label?: string;
  readonly children?: ComponentChildren;
}) {
  const isPaged = cursors.length > 0 || next !== undefined;
  if (!isPaged && children === undefined) return null;
  return (
    <nav class="pager" aria-label={label}>
      {isPaged && (
        <button type="button" disabled={cursors.length === 0} onClick={() => go(cursors.slice(0, -1))}>
          Previous
        </button>
      )}
      {children !== undefined && <span class="aside">{children}</span>}
      {isPaged && (
        <button
          type="button"
          disabled={next === undefined}
          onClick={() => {
            if (next !== undefined) go([...cursors, next]);
          }}
        >
          Next
        </button>
      )}
    </nav>
  );
}
