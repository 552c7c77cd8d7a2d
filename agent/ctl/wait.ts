/** Waiting: every wait has a limit, ends when somebody says so, and leaves no timer behind. */
import { Stopped } from './errors.ts'

export interface Limits {
  readonly ms: number
  /** Any of them ends the wait. */
  readonly signals?: readonly (AbortSignal | undefined)[]
  /** What to say when the limit is reached. */
  readonly late: () => Error
}

/**
 * Waits for something that is told by a callback. `start` begins to listen and returns how to stop listening; whoever
 * settles first wins.
 */
export function waitFor<Value>(
  { ms, signals = [], late }: Limits,
  start: (done: (value: Value) => void, failed: (error: Error) => void) => () => void,
): Promise<Value> {
  return new Promise((resolve, reject) => {
    let stop: (() => void) | undefined
    let settled = false
    const settle = (act: () => void) => {
      if (settled) return
      settled = true
      clearTimeout(timer)
      for (const signal of signals) signal?.removeEventListener('abort', aborted)
      stop?.()
      act()
    }
    const aborted = () => settle(() => reject(new Stopped('stopped')))
    const timer = setTimeout(() => settle(() => reject(late())), Math.min(ms, 2 ** 31 - 1))
    if (signals.some((signal) => signal?.aborted)) return aborted()
    for (const signal of signals) signal?.addEventListener('abort', aborted, { once: true })
    stop = start(
      (value) => settle(() => resolve(value)),
      (error) => settle(() => reject(error)),
    )
    if (settled) stop()
  })
}

/** A pause that can be cut short; never rejects. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, ms)
    if (signal.aborted) done()
    else signal.addEventListener('abort', done, { once: true })
  })
}

/** Aborted with the first of them. (`AbortSignal.any` came only with Node 20.3.) */
export function either(...signals: readonly (AbortSignal | undefined)[]): AbortSignal {
  const both = new AbortController()
  for (const signal of signals) {
    if (signal?.aborted) both.abort()
    else signal?.addEventListener('abort', () => both.abort(), { once: true, signal: both.signal })
  }
  return both.signal
}

/** Listeners of one kind. */
export interface Bell<Value = void> {
  ring(value: Value): void
  /** Returns how to stop listening. */
  hear(listener: (value: Value) => void): () => void
}

export function bell<Value = void>(): Bell<Value> {
  const listeners = new Set<(value: Value) => void>()
  return {
    ring: (value) => {
      for (const listener of [...listeners]) listener(value)
    },
    hear: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}
