/** What ends a call before its time. */
export interface EmbeddedCall {
  /** Ends the call, which then rejects with the reason of the signal. */
  readonly signal?: AbortSignal | undefined;
}

/** Which page of a list to read. */
export interface EmbeddedPage extends EmbeddedCall {
  /** The most items of the page, 1 to 1,000. Default: 100. */
  readonly limit?: number;
  /** The `cursor` of the page before; without it the first page is read. */
  readonly cursor?: string;
}
