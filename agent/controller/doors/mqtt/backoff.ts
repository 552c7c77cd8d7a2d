/**
 * How long to wait before the next connection: longer after each failure, and never the same for two agents, so that
 * those that lost one broker do not come back to it all at once.
 */
export interface Backoff {
  /** Milliseconds. */
  readonly first: number
  readonly longest: number
}

export const usualBackoff: Backoff = { first: 500, longest: 60_000 }

/** `failures` in a row before this one; `luck` from 0 to below 1. At least half of the full wait, so that it does grow. */
export function waitAfter(failures: number, luck: number, { first, longest }: Backoff = usualBackoff): number {
  const full = Math.min(first * 2 ** failures, longest)
  return Math.round(full * (0.5 + luck / 2))
}
