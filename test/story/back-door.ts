/**
 * What hands and accidents do to the simulated chassis, and what its hardware logged: the back door of the program
 * `chassis-sim`, which the agent knows nothing of.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { type BootRecord, bootRecords, type Duplicate, type LogEntry } from '../../agent/sim/log.ts'

export type Entry<Kind extends LogEntry['kind']> = Extract<LogEntry, { readonly kind: Kind }>

/** Between two looks at the log while something is awaited. */
const lookMs = 20

export class BackDoor {
  readonly #url: string
  #log: LogEntry[] = []
  #reading: Promise<unknown> = Promise.resolve()

  constructor(url: string) {
    this.#url = url
  }

  /** Does what a hand does: `insert`, `pull`, `button`, `policy`, `ac`, … Rejects when the chassis refuses. */
  async do(deed: string, body: { readonly [name: string]: unknown }): Promise<void> {
    await this.#ask(deed, { method: 'POST', body: JSON.stringify(body) })
  }

  /** Everything that the hardware logged since it was switched on, oldest first. */
  async log(): Promise<readonly LogEntry[]> {
    // One after the other, so that no entry is taken in twice.
    const reading = this.#reading.then(async () => {
      const answer = (await this.#ask(`log?since=${this.#log.length}`)) as { first: number; entries: LogEntry[] }
      if (answer.first !== this.#log.length) throw new Error('the chassis dropped a part of its log')
      this.#log.push(...answer.entries)
      return [...this.#log]
    })
    this.#reading = reading.catch(() => {})
    return reading
  }

  /** Waits until the hardware logged such an entry, after so many others. */
  async logged(what: string, found: (entry: LogEntry) => boolean, from = 0, ms = 20_000): Promise<LogEntry> {
    const late = AbortSignal.timeout(ms)
    for (;;) {
      const log = await this.log()
      const entry = log.slice(from).find(found)
      if (entry) return entry
      if (late.aborted) {
        const last = log.slice(from).map((each) => JSON.stringify(each).slice(0, 300))
        throw new Error(`${what}: not logged in ${ms} ms; what was logged:\n${last.join('\n')}`)
      }
      await pause(lookMs)
    }
  }

  async boots(bay: number): Promise<readonly BootRecord[]> {
    return bootRecords(await this.log()).filter((record) => record.bay === bay)
  }

  /** Every instant at which two functions wore one address, by the checker of the hardware itself. */
  async duplicates(): Promise<readonly Duplicate[]> {
    return ((await this.#ask('duplicates')) as { duplicates: Duplicate[] }).duplicates
  }

  async #ask(path: string, init: RequestInit = {}): Promise<unknown> {
    const response = await fetch(`${this.#url}/${path}`, init)
    const body: unknown = await response.json()
    if (!response.ok) throw new Error(`the chassis refuses ${path}: ${JSON.stringify(body)}`)
    return body
  }
}
