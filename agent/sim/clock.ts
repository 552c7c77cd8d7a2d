/** Time for the simulated chassis: the real one, run faster if asked, or one that a test moves. */
export interface Clock {
  /** Milliseconds. Never goes back. */
  now(): number
  /** Runs once, so many milliseconds of this clock from now; the result takes it back. */
  after(ms: number, run: () => void): () => void
}

/** Longest wait of a Node timer; a longer one fires at once. Whoever waits looks at the clock and waits again. */
const longestTimer = 2 ** 31 - 1

export function realClock(speed = 1): Clock {
  const begin = Date.now()
  const since = performance.now()
  return {
    now: () => Math.floor(begin + (performance.now() - since) * speed),
    after: (ms, run) => {
      // Rounded up: a timer that fires before its instant would find nothing due.
      const timer = setTimeout(run, Math.min(Math.ceil(Math.max(ms, 0) / speed), longestTimer))
      return () => clearTimeout(timer)
    },
  }
}
