/**
 * A journal file: a header that says which record it continues, then one frame per batch of records. A batch is
 * written with one write and one sync, and the next one starts only after that sync; so whatever a power cut
 * spoils is in the last frame, and a good frame behind a bad one is never a tear but corruption (I7).
 */
import { chain, isCount, type Position, parsePosition } from './copies.ts'
import { FRAME_OVERHEAD, frame, frameAt, nextFrame } from './frames.ts'

export const JOURNAL_FORMAT = 1
/** Longest payload of a batch. A request is at most 96 KiB on the wire. */
export const BATCH_BYTES = 256 * 1024
/** Longest record; leaves room for what a batch puts around it. */
export const RECORD_BYTES = BATCH_BYTES - 1024
/** A header frame is never longer. */
export const HEADER_BYTES = 256

export interface Batch {
  /** Index of the first record. */
  readonly first: number
  readonly records: readonly unknown[]
  /** After the last record. */
  readonly digest: string
}

export interface JournalReading {
  /** Absent: the file does not begin with a header that can be read. */
  readonly header: Position | undefined
  readonly batches: readonly Batch[]
  /** Length of what is good. */
  readonly good: number
  readonly length: number
  /** `torn`: what follows is what a power cut leaves of one write. `corrupt`: it can not be that. */
  readonly tail: 'clean' | 'torn' | 'corrupt'
  /** In words, where the tail is not clean. */
  readonly why: string
}

export const journalName = (generation: number): string => `journal-${generation}`

export function parseJournalName(name: string): number | undefined {
  const match = /^journal-([1-9]\d{0,14})$/.exec(name)
  return match ? Number(match[1]) : undefined
}

export function journalHeader(generation: number, at: Position): Uint8Array {
  return frame(JSON.stringify({ journal: JOURNAL_FORMAT, generation, ...at }))
}

/** `records` are canonical JSON texts: the very bytes that the digest speaks for. */
export function batchFrame(first: number, digest: string, records: readonly string[]): Uint8Array {
  return frame(`{"first":${first},"digest":"${digest}","records":[${records.join(',')}]}`)
}

/** Bytes that a batch takes, before it is built. */
export function batchBytes(records: readonly string[]): number {
  return records.reduce((sum, record) => sum + Buffer.byteLength(record) + 1, 96)
}

export function readJournal(bytes: Uint8Array, generation: number): JournalReading {
  const length = bytes.length
  const opening = frameAt(bytes, 0, HEADER_BYTES)
  const nothing = { header: undefined, batches: [], good: 0, length }
  if (opening === undefined) {
    const more = nextFrame(bytes, 1, BATCH_BYTES) !== undefined || length > HEADER_BYTES + FRAME_OVERHEAD
    return { ...nothing, tail: more ? 'corrupt' : 'torn', why: 'its header can not be read' }
  }
  const header = parsePosition(opening.json)
  if (header === undefined || opening.json?.generation !== generation || opening.json.journal !== JOURNAL_FORMAT) {
    const newer = isCount(opening.json?.journal) && opening.json.journal > JOURNAL_FORMAT
    return {
      ...nothing,
      tail: 'corrupt',
      why: newer ? 'a newer version wrote it' : 'its header is not of this journal',
    }
  }
  const batches: Batch[] = []
  let good = opening.end
  while (good < length) {
    const found = frameAt(bytes, good, BATCH_BYTES)
    if (found === undefined) return { header, batches, good, length, ...judgeTail(bytes, good) }
    const batch = parseBatch(found.json)
    if (batch === undefined)
      return { header, batches, good, length, tail: 'corrupt', why: `no records at byte ${good}` }
    batches.push(batch)
    good = found.end
  }
  return { header, batches, good, length, tail: 'clean', why: '' }
}

function judgeTail(bytes: Uint8Array, good: number): Pick<JournalReading, 'tail' | 'why'> {
  const left = bytes.length - good
  const next = nextFrame(bytes, good + 1, BATCH_BYTES)
  if (next !== undefined) {
    return { tail: 'corrupt', why: `unreadable from byte ${good} on, and good again at byte ${next}` }
  }
  if (left > BATCH_BYTES + FRAME_OVERHEAD) {
    return { tail: 'corrupt', why: `${left} unreadable bytes from byte ${good} on, more than one write can tear` }
  }
  return { tail: 'torn', why: `the last ${left} bytes are what a power cut left of an unfinished write` }
}

function parseBatch(json: { readonly [member: string]: unknown } | undefined): Batch | undefined {
  if (json === undefined) return undefined
  const { first, digest, records } = json
  return isCount(first) && typeof digest === 'string' && Array.isArray(records) && records.length > 0
    ? { first, digest, records }
    : undefined
}

/** The digest after each record of a chain, so that an older copy can be told from a different one. */
export function chainOf(before: string, records: readonly string[]): string[] {
  let digest = before
  return records.map((record) => {
    digest = chain(digest, record)
    return digest
  })
}
