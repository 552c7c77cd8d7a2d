/**
 * A clock that a test moves. Timers run in order of their instants; after each, everything that was only
 * waiting for an answer gets its turn, so that a test never sleeps and always sees the same order.
 */
import type { Clock } from '../../agent/sim/clock.ts'

interface Timer {
  readonly at: number
  /** Those of one instant run in the order in which they were set. */
  readonly number: number
  readonly run: () => void
}

export class VirtualClock implements Clock {
  private time: number
  private timers: readonly Timer[] = []
  private count = 0

  constructor(start = 1_000_000) {
    this.time = start
  }

  now(): number {
    return this.time
  }

  after(ms: number, run: () => void): () => void {
    const timer = { at: this.time + Math.max(0, ms), number: this.count++, run }
    this.timers = [...this.timers, timer]
    return () => {
      this.timers = this.timers.filter((each) => each !== timer)
    }
  }

  /** So many milliseconds at once: timers run in order, and nobody who waits for an answer goes on in between. */
  pass(ms: number): void {
    const end = this.time + ms
    for (let next = this.next(end); next !== undefined; next = this.next(end)) this.fire(next)
    this.time = end
  }

  /** Lets everything happen that happens within so many milliseconds. */
  async advance(ms: number): Promise<void> {
    const end = this.time + ms
    await turn()
    for (let next = this.next(end); next !== undefined; next = this.next(end)) {
      this.fire(next)
      await turn()
    }
    this.time = end
    await turn()
  }

  /** Moves on until the promise has come to its end, for so long at most. */
  async until<Value>(promise: Promise<Value>, mostMs = 600_000): Promise<Value> {
    let over = false
    const settled = promise.finally(() => {
      over = true
    })
    // Looked at below; until then a failure is not lost.
    settled.catch(() => undefined)
    const end = this.time + mostMs
    await turn()
    while (!over) {
      const next = this.next(end)
      if (next === undefined) throw new Error(`nothing came of it in ${mostMs} ms`)
      await this.advance(next.at - this.time)
    }
    return settled
  }

  private fire(timer: Timer): void {
    this.time = timer.at
    this.timers = this.timers.filter((each) => each !== timer)
    timer.run()
  }

  private next(end: number): Timer | undefined {
    return this.timers
      .filter(({ at }) => at <= end)
      .sort((a, b) => a.at - b.at || a.number - b.number)
      .at(0)
  }
}

/** Promises that can go on do. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
