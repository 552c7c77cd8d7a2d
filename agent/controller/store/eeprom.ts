/**
 * The chassis EEPROM as a small map that outlives controllers: `bay:3` → JSON, `profile:web-01` → JSON, and the head
 * that says where this copy stands. A write puts only what changed behind the end of a ring of pages, as one
 * transaction; a power cut at any page leaves the old map or the new one (I2). What still counts at the ring's old
 * end is copied forward before its place is used again. See eeprom-pages.ts for the bytes.
 */
import { type EepromDevice, EepromFault } from './eeprom-device.ts'
import {
  type Entry,
  encodeEntry,
  encodePart,
  eraseOrder,
  PAGE_HEADER,
  PART_HEADER,
  type Part,
  pagesOf,
  readLog,
} from './eeprom-pages.ts'

export type EepromReading =
  /** As it left the factory. `unfinished`: its very first write was cut. */
  | { readonly kind: 'blank'; readonly unfinished?: string }
  | {
      readonly kind: 'content'
      readonly map: ReadonlyMap<string, string>
      /** Pages written in the life of this EEPROM. */
      readonly sequence: number
      /** The last transaction is not complete: cut by a power loss, or damaged since. This map is the one before it. */
      readonly unfinished?: string
      /** Pages in which one bit had flipped; read as they were written. */
      readonly mended: readonly number[]
    }
  /** Something is there and can not be relied on; nothing is written until it is erased by command (I7). */
  | { readonly kind: 'corrupt'; readonly reason: string }
  /** The device does not answer. */
  | { readonly kind: 'unreadable'; readonly reason: string }

export interface Room {
  readonly fits: boolean
  /** Pages that this content needs in the worst case, spare room for moving it included. */
  readonly pages: number
  readonly of: number
}

export interface EepromWear {
  /** Since this program opened it. */
  readonly pagesWritten: number
  /** Ever, as the log's own numbering tells. */
  readonly pagesEver: number
  /** Writes that each page has seen, on average: the ring wears evenly. */
  readonly cyclesEach: number
}

export interface Eeprom {
  /** The last reading. */
  readonly reading: EepromReading
  /** Reads the device anew. */
  read(): Promise<EepromReading>
  /** Would `next` fit, coming from what is there now? Ask before accepting (W10). */
  room(next: ReadonlyMap<string, string>): Room
  /**
   * Makes the map equal to `next` in one transaction, and reads back what was written. Throws EepromFault, and
   * EepromFull before anything was written. One at a time.
   */
  write(next: ReadonlyMap<string, string>): Promise<{ readonly pages: number }>
  /** Back to blank, for an EEPROM whose content was given up by command. */
  erase(): Promise<void>
  readonly wear: EepromWear
}

/** The map is as it was. */
export class EepromFull extends EepromFault {
  constructor(room: Room) {
    super(`needs ${room.pages} pages, and the EEPROM has ${room.of}`)
    this.name = 'EepromFull'
  }
}

interface Placed {
  readonly entry: Entry
  /** Sequence of the part that holds the newest entry of this key. */
  readonly part: number
}

export async function openEeprom(device: EepromDevice): Promise<Eeprom> {
  const log = new EepromLog(device)
  await log.read()
  return log
}

class EepromLog implements Eeprom {
  readonly #device: EepromDevice
  readonly #count: number
  /** A part is as long as this, or as its only entry needs. */
  readonly #partPages: number
  #reading: EepromReading = { kind: 'unreadable', reason: 'not read yet' }
  /** What was written last may or may not be there: look before the next write. */
  #distrusted = true
  #parts: Part[] = []
  #newest = new Map<string, Placed>()
  #next = 0
  #tail = 0
  #torn: readonly number[] = []
  #mended: ReadonlyMap<number, Uint8Array> = new Map()
  #pagesWritten = 0
  #synced = false
  readonly #encoded = new Map<string, Entry>()

  constructor(device: EepromDevice) {
    this.#device = device
    this.#count = Math.floor(device.size / device.pageBytes)
    this.#partPages = Math.max(2, Math.min(16, this.#count >> 4))
  }

  get reading(): EepromReading {
    return this.#reading
  }

  get wear(): EepromWear {
    return { pagesWritten: this.#pagesWritten, pagesEver: this.#next, cyclesEach: this.#next / this.#count }
  }

  async read(): Promise<EepromReading> {
    const bytes = await this.#dump()
    if (typeof bytes === 'string') {
      this.#distrusted = true
      this.#reading = { kind: 'unreadable', reason: bytes }
      return this.#reading
    }
    const log = readLog(bytes, this.#device.pageBytes)
    this.#distrusted = false
    this.#synced = false
    this.#parts = []
    this.#newest = new Map()
    this.#next = 0
    this.#tail = 0
    this.#torn = []
    this.#mended = new Map()
    if (log.kind === 'corrupt') this.#reading = log
    else if (log.kind === 'blank') {
      this.#reading = log.unfinished ? { kind: 'blank', unfinished: 'its very first write was cut' } : { kind: 'blank' }
    } else {
      for (const part of log.parts) this.#add(part)
      this.#next = log.next
      this.#tail = log.tail
      this.#torn = log.torn
      this.#mended = log.mended
      // Only the opening page stands there: nothing was stored yet.
      const bare = log.next === 1 && log.torn.length === 0 && this.#newest.size === 0
      this.#reading = bare ? { kind: 'blank' } : this.#content()
    }
    return this.#reading
  }

  async #dump(): Promise<Uint8Array | string> {
    try {
      return await this.#device.read(0, this.#count * this.#device.pageBytes)
    } catch (error) {
      if (error instanceof EepromFault) return error.message
      throw error
    }
  }

  #content(): EepromReading {
    const map = new Map<string, string>()
    for (const [key, { entry }] of this.#newest) if (entry.value !== undefined) map.set(key, entry.value)
    const mended = [...this.#mended.keys()]
    if (this.#torn.length === 0) return { kind: 'content', map, sequence: this.#next, mended }
    const unfinished = `the transaction on page ${this.#next % this.#count} is not complete; this is the content before it`
    return { kind: 'content', map, sequence: this.#next, unfinished, mended }
  }

  #add(part: Part): void {
    this.#parts.push(part)
    for (const entry of part.entries) this.#newest.set(entry.key, { entry, part: part.sequence })
  }

  room(next: ReadonlyMap<string, string>): Room {
    return this.#roomFor(next, this.#changes(next))
  }

  #roomFor(next: ReadonlyMap<string, string>, changes: readonly Entry[]): Room {
    const now = [...this.#newest.values()].flatMap(({ entry }) => (entry.value === undefined ? [] : [entry]))
    const then = [...next].map(([key, value]) => this.#encode(key, value))
    const reserve = this.#reserve([...now, ...then])
    const update = this.#group(changes).reduce((sum, group) => sum + this.#pages(group), 1)
    // Beyond the reserve, a part stays free for the next update: on a full EEPROM something can still be given up.
    const pages = reserve + Math.max(this.#packed(now) + update, this.#packed(then) + this.#partPages)
    return { fits: changes.length === 0 || pages <= this.#count, pages, of: this.#count }
  }

  /** Pages that so many entries take at most once everything was moved together. */
  #packed(entries: readonly Entry[]): number {
    const room = this.#device.pageBytes - PAGE_HEADER
    const bytes = entries.reduce((sum, entry) => sum + entry.bytes.length, 0)
    // Two neighbouring parts are together longer than #partPages, and each wastes less than a page and its header.
    return Math.ceil((bytes / room) * (1 + (2 * (1 + PART_HEADER / room)) / this.#partPages)) + 2
  }

  /** Pages kept free so that there is always a place to move the longest part to. */
  #reserve(entries: readonly Entry[]): number {
    const longest = Math.max(0, ...entries.map((entry) => this.#pages([entry])))
    return Math.max(this.#partPages, longest) + 2
  }

  #pages(entries: readonly Entry[]): number {
    return pagesOf(
      entries.reduce((sum, entry) => sum + entry.bytes.length, 0),
      this.#device.pageBytes,
    )
  }

  #group(entries: readonly Entry[]): Entry[][] {
    const groups: Entry[][] = []
    for (const entry of entries) {
      const last = groups[groups.length - 1]
      if (last && this.#pages([...last, entry]) <= this.#partPages) last.push(entry)
      else groups.push([entry])
    }
    return groups
  }

  #encode(key: string, value: string | undefined): Entry {
    const known = value === undefined ? undefined : this.#encoded.get(key)
    if (known && known.value === value) return known
    const entry = encodeEntry(key, value)
    if (value !== undefined) this.#encoded.set(key, entry)
    return entry
  }

  #changes(next: ReadonlyMap<string, string>): Entry[] {
    const changes: Entry[] = []
    for (const [key, value] of next) {
      if (this.#newest.get(key)?.entry.value !== value) changes.push(this.#encode(key, value))
    }
    for (const [key, { entry }] of this.#newest) {
      if (entry.value !== undefined && !next.has(key)) changes.push(this.#encode(key, undefined))
    }
    for (const key of this.#encoded.keys()) if (!next.has(key) && !this.#newest.has(key)) this.#encoded.delete(key)
    return changes
  }

  async write(next: ReadonlyMap<string, string>): Promise<{ readonly pages: number }> {
    if (this.#distrusted || this.#reading.kind === 'unreadable') await this.read()
    if (this.#reading.kind === 'corrupt' || this.#reading.kind === 'unreadable')
      throw new EepromFault(this.#reading.reason)
    // What was read may have been on its way only, when the program before us ended.
    if (!this.#synced) await this.#device.sync()
    this.#synced = true
    const changes = this.#changes(next)
    if (changes.length === 0) return { pages: 0 }
    const room = this.#roomFor(next, changes)
    if (!room.fits) throw new EepromFull(room)
    const before = this.#pagesWritten
    this.#distrusted = true
    await this.#tidy()
    // The page that a power cut can spoil on a blank device must hold nothing yet: see readLog.
    if (this.#parts.length === 0 && this.#next === 0) await this.#transact([[]])
    const groups = this.#group(changes)
    const update = groups.reduce((sum, group) => sum + this.#pages(group), 0)
    await this.#makeRoom(
      update + this.#reserve([...this.#newest.values()].map(({ entry }) => entry).concat(changes)),
      room,
    )
    await this.#transact(groups)
    this.#distrusted = false
    this.#reading = this.#content()
    return { pages: this.#pagesWritten - before }
  }

  /** Writes mended pages as they must be, and blanks what a cut transaction left, from its end on. */
  async #tidy(): Promise<void> {
    const blank = new Uint8Array(this.#device.pageBytes).fill(0xff)
    for (const [page, bytes] of this.#mended) await this.#put(page, bytes)
    for (const page of this.#torn) await this.#put(page, blank)
    if (this.#mended.size + this.#torn.length > 0) await this.#device.sync()
    this.#mended = new Map()
    this.#torn = []
  }

  async #put(page: number, bytes: Uint8Array): Promise<void> {
    await this.#device.writePage(page, bytes)
    this.#pagesWritten++
    const found = await this.#device.read(page * this.#device.pageBytes, this.#device.pageBytes)
    if (Buffer.compare(found, bytes) !== 0) throw new EepromFault(`page ${page} does not hold what was written to it`)
  }

  get #free(): number {
    return this.#count - (this.#next - this.#tail)
  }

  #isLive(entry: Entry, part: Part): boolean {
    return this.#newest.get(entry.key)?.part === part.sequence
  }

  /** Copies what counts from the oldest parts to the end until so many pages are free. */
  async #makeRoom(wanted: number, room: Room): Promise<void> {
    const turn = this.#next
    while (this.#free < wanted) {
      const oldest = this.#parts[0]
      // All was moved once: closer together it will not get.
      if (oldest === undefined || oldest.sequence >= turn) throw new EepromFull(room)
      let moved: Entry[] = []
      let taken = 0
      for (const part of this.#parts) {
        // A key that is gone needs no word any more once everything older is left behind.
        const live = part.entries.filter((entry) => entry.value !== undefined && this.#isLive(entry, part))
        if (part.sequence >= turn || (moved.length > 0 && this.#pages([...moved, ...live]) > this.#partPages)) break
        moved = [...moved, ...live]
        taken++
      }
      await this.#transact([moved], this.#parts[taken]?.sequence ?? this.#next)
    }
  }

  /** Writes one transaction, a part per group, and believes in it once all of it was read back. */
  async #transact(groups: readonly (readonly Entry[])[], leave?: number): Promise<void> {
    const tail = leave ?? this.#tailAfter(new Set(groups.flat().map((entry) => entry.key)))
    const parts: Part[] = []
    let sequence = this.#next
    let before = this.#parts[this.#parts.length - 1]?.crc ?? 0
    for (const [at, entries] of groups.entries()) {
      const part = { sequence, tail, commit: at === groups.length - 1, entries }
      const { pages, crc } = encodePart(part, before, this.#device.pageBytes)
      if (sequence + pages.length - this.#tail > this.#count) throw new EepromFault('no free page left to write to')
      for (const [offset, page] of pages.entries()) await this.#put((sequence + offset) % this.#count, page)
      parts.push({ ...part, pages: pages.length, crc })
      sequence += pages.length
      before = crc
    }
    await this.#device.sync()
    for (const part of parts) this.#add(part)
    this.#next = sequence
    this.#tail = tail
    while ((this.#parts[0]?.sequence ?? tail) < tail) this.#parts.shift()
    for (const [key, { entry, part }] of this.#newest) {
      if (entry.value === undefined && part < tail) this.#newest.delete(key)
    }
  }

  /** The oldest part that still counts once these keys were written anew. */
  #tailAfter(rewritten: ReadonlySet<string>): number {
    for (const part of this.#parts) {
      const counts = part.entries.some(
        (entry) => entry.value !== undefined && !rewritten.has(entry.key) && this.#isLive(entry, part),
      )
      if (counts) return part.sequence
    }
    return this.#next
  }

  async erase(): Promise<void> {
    this.#distrusted = true
    const blank = new Uint8Array(this.#device.pageBytes).fill(0xff)
    const dump = await this.#device.read(0, this.#count * this.#device.pageBytes)
    for (const page of eraseOrder(dump, this.#device.pageBytes)) await this.#put(page, blank)
    await this.#device.sync()
    await this.read()
  }
}
