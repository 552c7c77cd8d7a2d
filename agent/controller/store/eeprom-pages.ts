/**
 * How the chassis EEPROM's pages are laid out, and how a dump of it is read. The log is a ring of pages; a page's
 * number in the log (`sequence`) modulo the number of pages is its place on the device. Pages form parts, parts form
 * transactions: what has no committing part at its end was never written. Pure functions over bytes.
 *
 *     page: [CRC-32 u32le of the rest][sequence u32le][flags u8][payload]
 *     part: [tail u32le][CRC of the part before u32le][length u16le][CRC-32 u32le of these and entries][entries][0 …]
 *     entry: [length u16le][key, and for a value: zero byte and value; raw deflate with a preset dictionary]
 *
 * `tail` is the sequence of the oldest page that still counts; what lies before may be written over. It takes effect
 * with the commit of its transaction, so the only copy of a live value is never written over (I7).
 */
import { deflateRawSync, inflateRawSync } from 'node:zlib'
import { crc32 } from './crc32.ts'
import { EEPROM_DICTIONARY } from './eeprom-dictionary.ts'

export const PAGE_HEADER = 9
export const PART_HEADER = 14
const FIRST = 1
const LAST = 2
const COMMIT = 4
/** High half of the flags: format and dictionary. A change of either is a new number. */
const FORMAT = 1
const LONGEST_VALUE = 1024 * 1024

export interface Entry {
  readonly key: string
  /** `undefined`: the key is gone. */
  readonly value: string | undefined
  /** As it stands in a part, length and all. */
  readonly bytes: Uint8Array
}

export interface Part {
  readonly sequence: number
  readonly pages: number
  readonly tail: number
  readonly crc: number
  readonly commit: boolean
  readonly entries: readonly Entry[]
}

export function encodeEntry(key: string, value: string | undefined): Entry {
  const text = value === undefined ? key : `${key}\0${value}`
  const packed = deflateRawSync(Buffer.from(text), { level: 9, memLevel: 9, dictionary: EEPROM_DICTIONARY })
  if (packed.length > 0xffff) throw new RangeError(`${key} takes ${packed.length} bytes, more than an entry can hold`)
  const bytes = Buffer.alloc(2 + packed.length)
  bytes.writeUInt16LE(packed.length, 0)
  packed.copy(bytes, 2)
  return { key, value, bytes }
}

function decodeEntries(bytes: Buffer): readonly Entry[] | undefined {
  const entries: Entry[] = []
  for (let at = 0; at < bytes.length; ) {
    if (at + 2 > bytes.length) return undefined
    const end = at + 2 + bytes.readUInt16LE(at)
    if (end > bytes.length) return undefined
    try {
      const options = { dictionary: EEPROM_DICTIONARY, maxOutputLength: LONGEST_VALUE }
      const text = inflateRawSync(bytes.subarray(at + 2, end), options).toString('utf8')
      const zero = text.indexOf('\0')
      const key = zero < 0 ? text : text.slice(0, zero)
      entries.push({
        key,
        value: zero < 0 ? undefined : text.slice(zero + 1),
        bytes: Buffer.from(bytes.subarray(at, end)),
      })
    } catch {
      return undefined
    }
    at = end
  }
  return entries
}

/** Pages that a part with so many bytes of entries takes. */
export function pagesOf(entryBytes: number, pageBytes: number): number {
  return Math.ceil((PART_HEADER + entryBytes) / (pageBytes - PAGE_HEADER))
}

/** A part as pages, in the order in which they are to be written. */
export function encodePart(
  part: {
    readonly sequence: number
    readonly tail: number
    readonly commit: boolean
    readonly entries: readonly Entry[]
  },
  before: number,
  pageBytes: number,
): { readonly pages: readonly Uint8Array[]; readonly crc: number } {
  const body = Buffer.concat(part.entries.map((entry) => entry.bytes))
  const room = pageBytes - PAGE_HEADER
  const count = pagesOf(body.length, pageBytes)
  const payload = Buffer.alloc(count * room)
  payload.writeUInt32LE(part.tail, 0)
  payload.writeUInt32LE(before, 4)
  payload.writeUInt16LE(body.length, 8)
  body.copy(payload, PART_HEADER)
  const crc = crc32(body, crc32(payload.subarray(0, 10)))
  payload.writeUInt32LE(crc, 10)
  const pages = Array.from({ length: count }, (_, at) => {
    const page = Buffer.alloc(pageBytes)
    const flags = (at === 0 ? FIRST : 0) | (at === count - 1 ? LAST | (part.commit ? COMMIT : 0) : 0)
    page.writeUInt32LE(part.sequence + at, 4)
    page.writeUInt8((FORMAT << 4) | flags, 8)
    payload.copy(page, PAGE_HEADER, at * room, (at + 1) * room)
    page.writeUInt32LE(crc32(page.subarray(4)), 0)
    return page
  })
  return { pages, crc }
}

interface Page {
  readonly sequence: number
  readonly flags: number
  readonly payload: Buffer
}

/** What a dump of the device says. */
export type LogReading =
  | { readonly kind: 'blank'; readonly unfinished: boolean }
  | {
      readonly kind: 'log'
      /** Committed parts from the tail on, oldest first. */
      readonly parts: readonly Part[]
      /** Sequence after the last committed page. */
      readonly next: number
      readonly tail: number
      /** Pages behind the end that a cut transaction left, to be blanked in this order before the next is written. */
      readonly torn: readonly number[]
      /** Pages with one flipped bit, as they must be; every other error is told, not mended. */
      readonly mended: ReadonlyMap<number, Uint8Array>
    }
  | { readonly kind: 'corrupt'; readonly reason: string }

export function readLog(dump: Uint8Array, pageBytes: number): LogReading {
  const bytes = Buffer.from(dump.buffer, dump.byteOffset, dump.byteLength)
  const count = Math.floor(bytes.length / pageBytes)
  const slice = (page: number): Buffer => bytes.subarray(page * pageBytes, (page + 1) * pageBytes)
  const mended = new Map<number, Uint8Array>()
  const pages = new Map<number, Page>()
  const unreadable = new Set<number>()
  let blank = 0
  for (let place = 0; place < count; place++) {
    const raw = slice(place)
    if (isBlank(raw)) blank++
    let page = decodePage(raw)
    if (page === undefined) {
      const whole = mend(raw)
      page = whole && decodePage(whole)
      if (whole && page && page.flags >> 4 === FORMAT && page.sequence % count === place) mended.set(place, whole)
      else page = undefined
    }
    if (page === undefined) unreadable.add(place)
    else if (page.flags >> 4 !== FORMAT)
      return { kind: 'corrupt', reason: `page ${place} was written by a newer version` }
    else if (page.sequence % count === place) pages.set(page.sequence, page)
    else unreadable.add(place)
  }
  if (blank === count) return { kind: 'blank', unfinished: false }

  const last = lastCommitted(pages)
  if (last === undefined) {
    // Page 0 is written first of all and holds no entry: nothing was ever stored here.
    if (blank === count - 1 && !isBlank(slice(0)) && unreadable.has(0)) return { kind: 'blank', unfinished: true }
    return { kind: 'corrupt', reason: 'no finished transaction is left' }
  }
  const parts: Part[] = []
  for (let at = last.tail; at < last.sequence + last.pages; ) {
    const part = partAt(pages, at)
    const before = parts[parts.length - 1]
    if (part === undefined) return { kind: 'corrupt', reason: `page ${at % count} can not be read and is needed` }
    if (before !== undefined && part.before !== before.crc) {
      return { kind: 'corrupt', reason: `page ${at % count} does not continue what stands before it` }
    }
    parts.push(part.part)
    at += part.part.pages
  }
  const next = last.sequence + last.pages
  // Pages reach the device in order. A power cut so leaves good pages without a commit, then one torn page at most.
  const beyond = [...pages.keys()].filter((sequence) => sequence >= next)
  const edge = next + beyond.length
  const spoilt = (sequence: number): boolean => {
    const place = sequence % count
    return sequence < last.tail + count && unreadable.has(place) && !isBlank(slice(place))
  }
  const inOrder = beyond.every((sequence) => sequence < edge && !((pages.get(sequence)?.flags ?? 0) & COMMIT))
  if (!inOrder || (spoilt(edge) && spoilt(edge + 1))) {
    return { kind: 'corrupt', reason: `what was written from page ${next % count} on can not be read` }
  }
  const torn = spoilt(edge) ? [edge] : []
  for (let sequence = edge - 1; sequence >= next; sequence--) torn.push(sequence)
  for (const place of mended.keys()) {
    const sequence = decodePage(mended.get(place) ?? Buffer.alloc(0))?.sequence ?? 0
    if (sequence < last.tail || sequence >= next) mended.delete(place)
  }
  return { kind: 'log', parts, next, tail: last.tail, torn: torn.map((sequence) => sequence % count), mended }
}

/**
 * The order in which to blank a device: from its oldest page to its newest. Cut half-way, the newest commit still
 * stands and what it needs is missing, so that no older map can show through.
 */
export function eraseOrder(dump: Uint8Array, pageBytes: number): readonly number[] {
  const places = Array.from({ length: Math.floor(dump.length / pageBytes) }, (_, place) => {
    const page = decodePage(dump.subarray(place * pageBytes, (place + 1) * pageBytes))
    return { place, sequence: page?.sequence ?? -1 }
  })
  return places.sort((a, b) => a.sequence - b.sequence).map(({ place }) => place)
}

function lastCommitted(pages: ReadonlyMap<number, Page>): Part | undefined {
  const ends = [...pages]
    .filter(([, { flags }]) => (flags & (LAST | COMMIT)) === (LAST | COMMIT))
    .map(([sequence]) => sequence)
  for (const end of ends.sort((a, b) => b - a)) {
    let start = end
    while (pages.has(start) && !((pages.get(start)?.flags ?? 0) & FIRST)) start--
    const found = partAt(pages, start)
    if (found && found.part.sequence + found.part.pages === end + 1) return found.part
  }
  return undefined
}

function partAt(pages: ReadonlyMap<number, Page>, sequence: number): { part: Part; before: number } | undefined {
  const payloads: Buffer[] = []
  for (let at = sequence; ; at++) {
    const page = pages.get(at)
    if (page === undefined || (page.flags & FIRST) !== (at === sequence ? FIRST : 0)) return undefined
    payloads.push(page.payload)
    if (!(page.flags & LAST)) continue
    const payload = Buffer.concat(payloads)
    const length = payload.readUInt16LE(8)
    if (PART_HEADER + length > payload.length) return undefined
    const body = payload.subarray(PART_HEADER, PART_HEADER + length)
    const crc = payload.readUInt32LE(10)
    const tail = payload.readUInt32LE(0)
    if (crc32(body, crc32(payload.subarray(0, 10))) !== crc || tail > sequence) return undefined
    const entries = decodeEntries(body)
    if (entries === undefined) return undefined
    const commit = (page.flags & COMMIT) !== 0
    return { part: { sequence, pages: payloads.length, tail, crc, commit, entries }, before: payload.readUInt32LE(4) }
  }
}

function decodePage(raw: Uint8Array): Page | undefined {
  const page = Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength)
  if (page.length <= PAGE_HEADER || crc32(page.subarray(4)) !== page.readUInt32LE(0)) return undefined
  return { sequence: page.readUInt32LE(4), flags: page.readUInt8(8), payload: page.subarray(PAGE_HEADER) }
}

function isBlank(raw: Uint8Array): boolean {
  const first = raw[0]
  return (first === 0xff || first === 0) && raw.every((byte) => byte === first)
}

const syndromes = new Map<number, ReadonlyMap<number, number>>()

/**
 * Sets right one flipped bit, the way in which a cell of an EEPROM fails. CRC-32 keeps words of this length at least
 * 5 bits apart, so one bit can be mended and up to three are still told from it.
 */
function mend(raw: Buffer): Buffer | undefined {
  const wrong = (crc32(raw.subarray(4)) ^ raw.readUInt32LE(0)) >>> 0
  const page = Buffer.from(raw)
  if ((wrong & (wrong - 1)) === 0) {
    page.writeUInt32LE(crc32(raw.subarray(4)), 0)
    return page
  }
  const bit = syndromesOf(raw.length - 4).get(wrong)
  if (bit === undefined) return undefined
  const at = 4 + (bit >> 3)
  page.writeUInt8(page.readUInt8(at) ^ (1 << (bit & 7)), at)
  return page
}

/** What each single flipped bit does to the CRC of so many bytes: the CRC is linear, so it does so in any message. */
function syndromesOf(length: number): ReadonlyMap<number, number> {
  const known = syndromes.get(length)
  if (known) return known
  const message = Buffer.alloc(length)
  const plain = crc32(message)
  const made = new Map<number, number>()
  for (let bit = 0; bit < length * 8; bit++) {
    message.writeUInt8(1 << (bit & 7), bit >> 3)
    made.set((crc32(message) ^ plain) >>> 0, bit)
    message.writeUInt8(0, bit >> 3)
  }
  syndromes.set(length, made)
  return made
}
