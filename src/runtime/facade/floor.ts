/** Why a writer holds the floor. */
export const HOLD_CODES = [
  'away', // it is not heard
  'differs', // it attested another state of the cut
  'starting', // it takes over a snapshot, or has not fixed a cut since it started
  'read-only', // it tells that it refuses writes, for reasons that may keep it from attesting
  'behind', // it goes by an earlier roster
  'abstains', // it is heard and attests nothing: it keeps out until the next roster, or has voted for it
] as const;
export type HoldCode = (typeof HOLD_CODES)[number];

/** A writer without whose attestation the floor cannot move. */
export interface FloorHolder {
  readonly author: string;
  readonly peerId: string;
  /** What people read in place of the id. */
  readonly label: string;
  /** True: it is the node that was asked. */
  readonly self: boolean;
  readonly code: HoldCode;
  /** Since when, Unix ms; absent where this node cannot know. */
  readonly since?: number;
  /** A sentence for people. */
  readonly text: string;
  /** What to do about it. */
  readonly next: string;
}

/** Where the floor stands: the newest cut that all writers attested alike (SPEC FL1). Times are Unix ms. */
export interface FloorView {
  /** The time of the floor, its root (hex), number of keys, roster and certificate (base64url); absent where there is none. */
  readonly at?: number;
  readonly root?: string;
  readonly entries?: number;
  readonly epoch?: number;
  readonly certificate?: string;
  readonly now: number;
  /** The newest cut that is complete by now in a healthy fleet. */
  readonly due: number;
  /** True: the floor is earlier than that. */
  readonly held: boolean;
  /** Who holds it; empty while it is not held, and shortly after a start, when this node does not know yet. */
  readonly holders: readonly FloorHolder[];
  readonly collection: CollectionView;
}

/** A member of which it is not known that it collects. While there is one, nobody collects. */
export interface CollectionLaggard {
  /** What people read in place of its id. */
  readonly label: string;
  /** A sentence for people. */
  readonly text: string;
  /** What to do about it. */
  readonly next: string;
}

/** How far what is dead has left the state (SPEC FL6, FL7). Times are Unix ms. */
export interface CollectionView {
  /** How long deletions stay, ms: the retention of the roster. */
  readonly retentionMs: number;
  /** Up to when the state is closed: nothing older comes in any more. Absent where it is not. */
  readonly closed?: number;
  /** What was dead by then has left the state. Absent where nothing has. */
  readonly collected?: number;
  /** True: it is being taken out at present. */
  readonly collecting: boolean;
  /** How many keys have left the state since the node started. */
  readonly keys: number;
  /** Whom it waits for; empty where it waits for nobody. */
  readonly waitsFor: readonly CollectionLaggard[];
  /** How many operations are set aside. */
  readonly setAside: number;
  /** How many more there were that could not be kept for want of room. Absent where there were none. */
  readonly setAsideLost?: number;
}

/** What the status tells of the floor. */
export interface FloorStatus extends Pick<FloorView, 'at' | 'due' | 'held'> {
  readonly holders: readonly Pick<FloorHolder, 'author' | 'label' | 'code' | 'since'>[];
  readonly collection: Pick<
    CollectionView,
    'closed' | 'collected' | 'collecting' | 'keys' | 'setAside' | 'setAsideLost'
  >;
}
