/**
 * What happened, numbered: a bounded ring of events on flash, for managers that were away to catch up with. Events
 * are not bindings: they are written without a sync each, and a power cut may take the last ones. But a number never
 * stands for two events: numbers are reserved in blocks before they are used, a restart goes on above the block, and
 * whoever reads sees a gap where events are missing.
 */
import { isCount } from './copies.ts'
import { FRAME_OVERHEAD, frame, frameAt, nextFrame } from './frames.ts'
import { type Medium, MediumFault, type MediumFile } from './medium.ts'

export interface NumberedEvent {
  readonly kind: 'event'
  readonly number: number
  /** JSON, as it was given. */
  readonly event: unknown
}

/** These numbers are not to be had: overflowed, lost with the power, or never used. */
export interface Gap {
  readonly kind: 'gap'
  readonly from: number
  readonly to: number
}

export interface RingOptions {
  readonly medium: Medium
  /** Two files of about this size. */
  readonly fileBytes?: number
  /** Numbers made durable at a time: one sync for so many events, and the widest gap that a power cut leaves. */
  readonly block?: number
  /** Numbers begin above this where the files can not tell. */
  readonly floor?: number
}

const RING_FORMAT = 1
export const EVENT_BYTES = 16 * 1024
const FILES = ['events-a', 'events-b'] as const
/** The shortest frame that an event takes: so many events at most are hidden in what can not be read. */
const SHORTEST_EVENT = FRAME_OVERHEAD + '{"number":1,"event":0}'.length

/** Throws MediumFault where the files can not be read at all. */
export async function openEventRing(options: RingOptions): Promise<EventRing> {
  const ring = new EventRing(options)
  await ring.load()
  return ring
}

interface RingFile {
  readonly name: (typeof FILES)[number]
  /** Counts files begun; the higher one is being written. */
  readonly turn: number
  readonly events: readonly NumberedEvent[]
  readonly highest: number
  /** The ring was closed in order, and the next number is this. */
  readonly closed: number | undefined
  readonly unreadable: number
  readonly good: number
  readonly length: number
}

export class EventRing {
  readonly #medium: Medium
  readonly #fileBytes: number
  readonly #block: number
  readonly #floor: number
  /** Events of the file before, and of the one being written. */
  #older: readonly NumberedEvent[] = []
  #newer: NumberedEvent[] = []
  #next = 1
  /** Highest number that this program may use. */
  #reserved = 0
  #turn = 0
  #file: MediumFile | undefined
  #bytes = 0
  #unsynced = false
  #work: Promise<unknown> = Promise.resolve()
  #repaired: string[] = []

  constructor({ medium, fileBytes = 256 * 1024, block = 1000, floor = 0 }: RingOptions) {
    this.#medium = medium
    this.#fileBytes = fileBytes
    this.#block = block
    this.#floor = floor
  }

  /** The number that the next event gets. */
  get next(): number {
    return this.#next
  }

  /** Another controller has given numbers up to this one: ours go on above it. */
  passOver(number: number): void {
    this.#next = Math.max(this.#next, number + 1)
  }

  /** What could not be read at the start, in words. */
  get repaired(): readonly string[] {
    return this.#repaired
  }

  /** @internal Called once, by openEventRing. */
  async load(): Promise<void> {
    const names = await this.#medium.list()
    const files: RingFile[] = []
    // A file that can not be read at all may be the newer one.
    let unknown = 0
    for (const name of FILES) {
      if (!names.includes(name)) continue
      const bytes = await this.#medium.read(name)
      const file = readRingFile(name, bytes)
      if (file) files.push(file)
      else unknown += bytes.length
      const lost = file ? file.unreadable : bytes.length
      if (lost > 0) this.#repaired.push(`${name}: ${lost} bytes can not be read`)
    }
    const [newest, older] = files.sort((a, b) => b.turn - a.turn)
    this.#older = older?.events ?? []
    this.#newer = [...(newest?.events ?? [])]
    this.#turn = newest?.turn ?? 0
    const unreadable = unknown + (newest?.unreadable ?? 0)
    if (newest?.closed !== undefined && unreadable === 0) this.#next = newest.closed
    else {
      const highest = Math.max(this.#floor, ...files.map((file) => file.highest))
      // What can not be read may have held events, and reservations of as many blocks.
      const hidden = unreadable === 0 ? 0 : Math.ceil(unreadable / SHORTEST_EVENT) + this.#block
      // One is passed over: the event that was under way may have been the first of a block that was not reserved yet.
      const cut = newest === undefined ? 0 : 1
      this.#next = highest + hidden + cut + 1
    }
    this.#next = Math.max(this.#next, this.#floor + 1)
    if (newest === undefined) return
    this.#file = await this.#medium.open(newest.name)
    if (newest.good < newest.length) await this.#file.truncate(newest.good)
    this.#bytes = newest.good
  }

  /** Numbers an event and writes it. It survives the end of this program, and a power cut after the next `sync`. */
  append(event: unknown): Promise<number> {
    return this.#inTurn(async () => {
      const text = JSON.stringify(event)
      if (text === undefined || Buffer.byteLength(text) > EVENT_BYTES)
        throw new RangeError(`an event takes at most ${EVENT_BYTES} bytes`)
      const number = this.#next
      const written = frame(`{"number":${number},"event":${text}}`)
      if (this.#file === undefined || this.#bytes + written.length > this.#fileBytes) await this.#turnOver()
      if (number > this.#reserved) await this.#reserve(number)
      await this.#write(written)
      this.#unsynced = true
      this.#next = number + 1
      this.#newer.push({ kind: 'event', number, event: JSON.parse(text) })
      return number
    })
  }

  /** Makes everything so far durable; nothing to do is nothing done. */
  sync(): Promise<void> {
    return this.#inTurn(async () => {
      if (!this.#unsynced || this.#file === undefined) return
      await this.#file.sync()
      this.#unsynced = false
    })
  }

  /** An orderly end: the next start goes on without a gap. */
  close(): Promise<void> {
    return this.#inTurn(async () => {
      const file = this.#file
      if (file === undefined) return
      if (this.#reserved > 0) {
        await this.#write(frame(`{"closed":${this.#next}}`))
        await file.sync()
      }
      this.#file = undefined
      await file.close()
    })
  }

  /** Events after number `since`, oldest first, with a gap wherever some are missing; at most `limit` of both. */
  list(since: number, limit: number): readonly (NumberedEvent | Gap)[] {
    const found: (NumberedEvent | Gap)[] = []
    let expected = since + 1
    for (const event of [...this.#older, ...this.#newer]) {
      if (event.number < expected) continue
      if (event.number > expected) found.push({ kind: 'gap', from: expected, to: event.number - 1 })
      found.push(event)
      expected = event.number + 1
    }
    if (expected < this.#next) found.push({ kind: 'gap', from: expected, to: this.#next - 1 })
    return found.slice(0, limit)
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#work.then(async () => {
      try {
        return await work()
      } catch (error) {
        // What the file holds now is not known: the next event begins the other file.
        if (error instanceof MediumFault) await this.#giveUpFile()
        throw error
      }
    })
    this.#work = done.catch(() => undefined)
    return done
  }

  async #giveUpFile(): Promise<void> {
    const file = this.#file
    this.#file = undefined
    this.#reserved = 0
    // The number under way may be on flash.
    this.#next++
    await file?.close().catch((error: unknown) => {
      if (!(error instanceof MediumFault)) throw error
    })
  }

  async #write(bytes: Uint8Array): Promise<void> {
    if (this.#file === undefined) throw new Error('no event file is open')
    await this.#file.append(bytes)
    this.#bytes += bytes.length
  }

  async #reserve(number: number): Promise<void> {
    const reserved = number + this.#block - 1
    await this.#write(frame(`{"reserved":${reserved}}`))
    await this.#file?.sync()
    this.#unsynced = false
    this.#reserved = reserved
  }

  /** Begins the other file; its events overflow. The file before is made durable first. */
  async #turnOver(): Promise<void> {
    if (this.#file) {
      await this.#file.sync()
      await this.#file.close()
      this.#file = undefined
    }
    const turn = this.#turn + 1
    const file = await this.#medium.open(FILES[turn % 2] ?? 'events-a')
    const reserved = this.#next + this.#block - 1
    const header = frame(JSON.stringify({ ring: RING_FORMAT, turn, reserved }))
    this.#file = file
    await file.truncate(0)
    await file.append(header)
    await file.sync()
    await this.#medium.syncFolder()
    this.#turn = turn
    this.#bytes = header.length
    this.#reserved = reserved
    this.#unsynced = false
    this.#older = this.#newer
    this.#newer = []
  }
}

/** Reads on behind what can not be read: an event lost is better than all lost. */
function readRingFile(name: (typeof FILES)[number], bytes: Uint8Array): RingFile | undefined {
  const opening = frameAt(bytes, 0, EVENT_BYTES)
  const turn = opening?.json?.turn
  if (opening === undefined || opening.json?.ring !== RING_FORMAT || !isCount(turn)) return undefined
  const events: NumberedEvent[] = []
  let highest = isCount(opening.json.reserved) ? opening.json.reserved : 0
  let closed: number | undefined
  let unreadable = 0
  let good = opening.end
  for (let at = opening.end; at < bytes.length; ) {
    const found = frameAt(bytes, at, EVENT_BYTES + 64)
    if (found === undefined) {
      const next = nextFrame(bytes, at + 1, EVENT_BYTES + 64) ?? bytes.length
      unreadable += next - at
      at = next
      continue
    }
    const { number, event, reserved, closed: end } = found.json ?? {}
    closed = isCount(end) ? end : undefined
    if (isCount(reserved)) highest = Math.max(highest, reserved)
    if (isCount(number) && event !== undefined && number > (events[events.length - 1]?.number ?? 0)) {
      events.push({ kind: 'event', number, event })
      highest = Math.max(highest, number)
    }
    at = found.end
    good = at
  }
  return { name, turn, events, highest, closed, unreadable, good, length: bytes.length }
}
