/**
 * A broker between managers and whoever leads the chassis: QoS 1 as its users see it. What was published waits until it
 * was answered; on its way it is dropped, repeated, delayed and so reordered; each party can be cut off. The bytes are
 * real; the packets around them are tested elsewhere.
 */
import type { VirtualClock } from '../sim/virtual-clock.ts'
import type { Asked } from './history.ts'

/** Uniform in [0, below). */
export type Below = (below: number) => number

export interface Weather {
  /** Longest that anything takes on its way. */
  readonly delayMs: number
  /** Of a hundred messages so many are lost, and so many come twice. */
  readonly lost: number
  readonly twice: number
}

export const fair: Weather = { delayMs: 5, lost: 0, twice: 0 }

/** The owner's door: bytes in, bytes out. */
export type Serve = (asked: Asked, bytes: Uint8Array) => Promise<Uint8Array>

export interface Party<Retained> {
  answered(bytes: Uint8Array): void
  retained(what: Retained): void
}

interface Waiting {
  readonly asked: Asked
  readonly bytes: Uint8Array
}

export class Broker<Retained> {
  weather: Weather = fair
  readonly #clock: VirtualClock
  readonly #below: Below
  readonly #parties = new Map<string, Party<Retained>>()
  /** Who is cut off: managers by their names, and `chassis`. */
  readonly #cut = new Set<string>()
  #queue: Waiting[] = []
  #door: { readonly serve: Serve } | undefined
  #kept: Retained | undefined

  constructor(clock: VirtualClock, below: Below) {
    this.#clock = clock
    this.#below = below
  }

  subscribe(name: string, party: Party<Retained>): void {
    this.#parties.set(name, party)
  }

  /** The owner of the chassis comes in; whoever was connected under that name before is thrown out. Returns how to leave. */
  connect(serve: Serve): () => void {
    const door = { serve }
    this.#door = door
    this.redeliver()
    return () => {
      if (this.#door === door) this.#door = undefined
    }
  }

  get connected(): boolean {
    return this.#door !== undefined
  }

  publish(asked: Asked, bytes: Uint8Array): void {
    if (this.#cut.has(asked.client) || this.#isLost()) return
    this.#later(() => {
      const waiting = { asked, bytes }
      this.#queue.push(waiting)
      this.#deliver(waiting)
    })
  }

  /** What the chassis shows: the last word is kept for whoever comes later. */
  retain(what: Retained): void {
    if (this.#cut.has('chassis')) return
    this.#kept = what
    for (const [name, party] of this.#parties) {
      if (this.#cut.has(name) || this.#isLost()) continue
      this.#later(() => party.retained(what))
    }
  }

  cut(party: string, off: boolean): void {
    if (off) {
      this.#cut.add(party)
      return
    }
    if (!this.#cut.delete(party)) return
    const kept = this.#kept
    if (kept !== undefined) this.#parties.get(party)?.retained(kept)
    if (party === 'chassis') this.redeliver()
  }

  get cutOff(): readonly string[] {
    return [...this.#cut]
  }

  /** As after a reconnect: everything that was not answered comes again. */
  redeliver(): void {
    for (const waiting of [...this.#queue]) this.#deliver(waiting)
  }

  #deliver(waiting: Waiting): void {
    const times = this.#below(100) < this.weather.twice ? 2 : 1
    for (let time = 0; time < times; time++) {
      if (this.#isLost()) continue
      this.#later(() => {
        const door = this.#door
        if (!door || this.#cut.has('chassis')) return
        void door.serve(waiting.asked, waiting.bytes).then((bytes) => {
          // The acknowledgement and the answer travel apart, and each can be lost.
          if (door !== this.#door || this.#cut.has('chassis')) return
          if (!this.#isLost()) this.#queue = this.#queue.filter((each) => each !== waiting)
          this.#respond(waiting.asked.client, bytes)
        })
      })
    }
  }

  #respond(client: string, bytes: Uint8Array): void {
    if (this.#cut.has(client)) return
    const times = this.#below(100) < this.weather.twice ? 2 : 1
    for (let time = 0; time < times; time++) {
      if (!this.#isLost()) this.#later(() => this.#parties.get(client)?.answered(bytes))
    }
  }

  #isLost(): boolean {
    return this.weather.lost > 0 && this.#below(100) < this.weather.lost
  }

  #later(work: () => void): void {
    this.#clock.after(this.weather.delayMs > 0 ? this.#below(this.weather.delayMs) : 0, work)
  }
}
