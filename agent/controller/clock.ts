/**
 * Time as the agent gets it: handed in, so that the same code runs under a clock that a test moves. Uptime orders
 * things; the time of day is only ever shown, and may be unknown.
 */
export interface Clock {
  /** Milliseconds since this agent started. */
  uptimeMs(): number
  /** Milliseconds since 1970; undefined: nobody set the clock yet. */
  timeMs(): number | undefined
  /** Calls once after `ms`, unless the returned function is called first. */
  after(ms: number, call: () => void): () => void
}

/** A controller without a battery wakes up in 1970; times before this are not believed. */
const believable = Date.UTC(2024, 0, 1)

export function systemClock(): Clock {
  const start = performance.now()
  return {
    uptimeMs: () => Math.floor(performance.now() - start),
    timeMs: () => {
      const now = Date.now()
      return now < believable ? undefined : now
    },
    after: (ms, call) => {
      const timer = setTimeout(call, ms)
      return () => clearTimeout(timer)
    },
  }
}

/** Runs `work` with a signal that aborts after `ms`, or when `outer` does. Every wait has a limit. */
export async function within<Result>(
  clock: Clock,
  ms: number,
  outer: AbortSignal,
  work: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const inner = new AbortController()
  const abort = () => inner.abort()
  if (outer.aborted) abort()
  outer.addEventListener('abort', abort, { once: true })
  const cancel = clock.after(ms, abort)
  try {
    return await work(inner.signal)
  } finally {
    cancel()
    outer.removeEventListener('abort', abort)
  }
}
