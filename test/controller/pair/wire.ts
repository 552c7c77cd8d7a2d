/** The wire between two controllers, in memory: lines in order after a moment, and a cut that both ends notice late. */
import type { Peers, Pipe } from '../../../agent/controller/hardware/peers.ts'
import type { VirtualClock } from '../../sim/virtual-clock.ts'

type Slot = 'A' | 'B'

/** A silent wire is noticed after so long, as TCP would. */
const noticedMs = 1_500

export class PairWire {
  readonly #clock: VirtualClock
  readonly #heard = new Map<Slot, (pipe: Pipe) => void>()
  readonly #ends = new Set<End>()
  /** How long a line takes. */
  delayMs = 1
  #cut = false

  constructor(clock: VirtualClock) {
    this.#clock = clock
  }

  get cut(): boolean {
    return this.#cut
  }

  /** Nothing gets through any more, and who waits for an answer waits. */
  set cut(cut: boolean) {
    this.#cut = cut
    if (cut) for (const end of [...this.#ends]) this.#clock.after(noticedMs, () => end.finish())
  }

  /** As the controller in that slot reaches it. */
  of(slot: Slot): Peers {
    const other: Slot = slot === 'A' ? 'B' : 'A'
    return {
      dial: async () => {
        const heard = this.#heard.get(other)
        if (this.#cut || !heard) throw new Error('nobody answers')
        const [mine, theirs] = this.#pair(slot, other)
        this.#clock.after(this.delayMs, () => heard(theirs))
        return mine
      },
      listen: (heard) => void this.#heard.set(slot, heard),
      close: async () => this.lose(slot),
    }
  }

  /** The process in that slot is gone: the kernel of a controller that lives on closes its connections. */
  lose(slot: Slot): void {
    this.#heard.delete(slot)
    for (const end of [...this.#ends]) if (end.slot === slot) end.end()
  }

  #pair(one: Slot, other: Slot): readonly [Pipe, Pipe] {
    const mine = new End(one, this, this.#clock)
    const theirs = new End(other, this, this.#clock)
    mine.far = theirs
    theirs.far = mine
    for (const end of [mine, theirs]) {
      this.#ends.add(end)
      end.onEnd(() => this.#ends.delete(end))
    }
    return [mine, theirs]
  }
}

class End implements Pipe {
  readonly slot: Slot
  far: End | undefined
  readonly #wire: PairWire
  readonly #clock: VirtualClock
  readonly #heard: ((line: string) => void)[] = []
  readonly #ended: (() => void)[] = []
  readonly #early: string[] = []
  #over = false

  constructor(slot: Slot, wire: PairWire, clock: VirtualClock) {
    this.slot = slot
    this.#wire = wire
    this.#clock = clock
  }

  send(line: string): void {
    if (this.#over) return
    this.#clock.after(this.#wire.delayMs, () => {
      if (!this.#wire.cut) this.far?.take(line)
    })
  }

  take(line: string): void {
    if (this.#over) return
    if (this.#heard.length === 0) this.#early.push(line)
    for (const heard of this.#heard) heard(line)
  }

  onLine(heard: (line: string) => void): void {
    this.#heard.push(heard)
    for (const line of this.#early.splice(0)) heard(line)
  }

  onEnd(heard: () => void): void {
    this.#ended.push(heard)
  }

  end(): void {
    if (this.#over) return
    const { far } = this
    this.finish()
    this.#clock.after(this.#wire.delayMs, () => {
      if (!this.#wire.cut) far?.finish()
    })
  }

  finish(): void {
    if (this.#over) return
    this.#over = true
    for (const ended of this.#ended) ended()
  }
}
